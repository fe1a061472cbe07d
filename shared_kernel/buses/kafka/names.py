"""The topics of a bus in Kafka. Any other program may read them."""

import re
from collections.abc import Sequence
from functools import lru_cache

import attrs

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.patterns import matcher

_LOGS = "storehouse.log"


@attrs.frozen
class Names:
    """`prefix` stands before every topic; `subjects` are what Storehouses publish."""

    prefix: str = ""
    subjects: Sequence[str] = ()

    @property
    def heartbeats(self) -> str:
        """The topic of heartbeats, of all logs."""
        return self.subject("storehouse.heartbeats")

    @property
    def logs(self) -> str:
        """The pattern, as Kafka's clients have it, of the topics of all logs."""
        return f"^{re.escape(self.subject(_LOGS))}\\."

    def log(self, source: str, log: str) -> str:
        """The topic of the log with the identity `log`."""
        return _topic(self.prefix, source, log)

    def topic_of(self, envelope: Envelope) -> str:
        if envelope.is_heartbeat:
            return self.heartbeats
        return self.log(envelope.source, envelope.log)

    def subject(self, subject: str) -> str:
        """The topic to which other programs send messages of that type."""
        return _prefixed(self.prefix, subject)

    def subject_of(self, topic: str) -> str:
        """The inverse of `subject`."""
        return topic.removeprefix(f"{self.prefix}.") if self.prefix else topic

    def is_foreign(self, pattern: str) -> bool:
        """Whether `pattern` is one type of message that other programs send."""
        if {"*", ">"} & set(pattern.split(".")):
            return False
        return not any(matcher(each)(pattern) for each in self.subjects)


def _prefixed(prefix: str, subject: str) -> str:
    return f"{prefix}.{subject}" if prefix else subject


@lru_cache(maxsize=256)
def _topic(prefix: str, source: str, log: str) -> str:
    return _prefixed(prefix, ".".join(filter(None, (_LOGS, source, log))))
