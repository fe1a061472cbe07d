"""What topics and queues are called. Any other program may use them."""

import re
from hashlib import sha256

import attrs

from shared_kernel.buses.envelope import HEARTBEAT

MOST_TOPIC, MOST_QUEUE = 256, 80
"""Characters that AWS allows."""
FIFO = ".fifo"
_OURS = "storehouse"
_GROUP = "group"
_DIGITS = 8


@attrs.frozen(kw_only=True)
class Names:
    """`prefix` stands before every name. With `fifo`, those for events end in `.fifo`.

    AWS allows no dots: where a name would not tell two things apart, or is too long, it
    ends with digits of a hash.
    """

    prefix: str = ""
    fifo: bool = False

    def topic(self, source: str, log: str) -> str:
        """The topic of the log with the identity `log`."""
        return self._ours([source, log], MOST_TOPIC)

    def topics(self, source: str = "") -> str:
        """How the names of the topics of all logs of `source`, or of all, begin."""
        return self._name([self.prefix, _OURS, source], MOST_TOPIC) + "-"

    def queue(self, subscription: str, log: str) -> str:
        """The queue of a subscription that follows this log."""
        return self._ours([*subscription.split("."), log], MOST_QUEUE)

    def group(self, group: str, pattern: str) -> str:
        """The queue that the members of a group share, for one pattern."""
        words = [*group.split("."), *pattern.split(".")]
        return self._ours([_GROUP, *words], MOST_QUEUE)

    @property
    def groups(self) -> str:
        """How the names of the queues of groups begin, other than for heartbeats."""
        return self._name([self.prefix, _OURS, _GROUP], MOST_QUEUE) + "-"

    def beats(self, group: str, pattern: str) -> str:
        """The queue for the heartbeats of a source."""
        return self._ours([*pattern.split("."), *group.split(".")], MOST_QUEUE)

    def all_beats(self, pattern: str) -> str:
        """How the names of these queues begin."""
        return self._name([self.prefix, _OURS, *pattern.split(".")], MOST_QUEUE) + "-"

    def foreign(self, subject: str) -> str:
        """The queue, and the topic, to which other programs send such messages."""
        return self._name([self.prefix, *subject.split(".")], MOST_QUEUE)

    def sharing(self, group: str, subject: str) -> str:
        """The queue of a group for messages that come by the topic."""
        return self._name(
            [self.prefix, *subject.split("."), *group.split(".")], MOST_QUEUE
        )

    def _ours(self, words: list[str], most: int) -> str:
        ending = FIFO if self.fifo else ""
        name = self._name([self.prefix, _OURS, *words], most - len(ending))
        return f"{name}{ending}"

    def _name(self, words: list[str], most: int) -> str:
        exact = "-".join(word for word in words if word)
        name = re.sub(r"[^A-Za-z0-9_-]", "-", exact)
        if name == exact.replace(".", "-") and len(name) <= most:
            return name
        digits = sha256(exact.encode()).hexdigest()[:_DIGITS]
        return f"{name[: most - _DIGITS - 1]}-{digits}"


def is_for_heartbeats(pattern: str) -> bool:
    return pattern.startswith(HEARTBEAT)
