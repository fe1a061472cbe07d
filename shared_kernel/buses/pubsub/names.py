"""The names of topics and subscriptions. Any other program may use them."""

import re
from urllib.parse import quote, unquote

import attrs

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import BusMisconfiguredError

_ID = re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}")
_ACCEPTED = "3 to 255 characters that begin with a letter, and not with goog"


@attrs.frozen
class Names:
    """Full names in `project`; `prefix` stands before every id."""

    project: str
    prefix: str = ""

    @property
    def heartbeats(self) -> str:
        """The topic of the heartbeats of all logs."""
        return self.topic("storehouse.heartbeats")

    @property
    def groups(self) -> str:
        """A topic without messages: its subscriptions are the groups for events."""
        return self.topic("storehouse.groups")

    def log(self, source: str, log: str) -> str:
        """The topic of the log with the identity `log`."""
        return self.topic(f"storehouse.log.{source}.{log}" if log else _unnamed(source))

    def is_log(self, topic: str) -> bool:
        return topic.startswith(self.topic("storehouse.log."))

    def topic_of(self, envelope: Envelope) -> str:
        if envelope.is_heartbeat:
            return self.heartbeats
        return self.log(envelope.source, envelope.log)

    def topic(self, subject: str) -> str:
        """To which other programs publish messages of the type `subject`."""
        return self._named("topics", f"{self._before}{subject}")

    def subject_of(self, topic: str) -> str:
        """The inverse of `topic`."""
        return topic.rpartition("/")[2].removeprefix(self._before)

    def follower(self, topic: str, group: str) -> str:
        """The subscription of `group` to a log."""
        return self._named("subscriptions", f"{_id_of(topic)}.{quote(group)}")

    def member(self, topic: str, group: str, pattern: str) -> str:
        """The subscription that members of a group share."""
        shared = f"{quote(group)}~{quote(pattern)}"
        return self._named("subscriptions", f"{_id_of(topic)}~{shared}")

    def workers(self, topic: str) -> str:
        """The subscription that the workers of a queue share."""
        return self._named("subscriptions", f"{_id_of(topic)}.workers")

    def group_of(self, member: str) -> tuple[str, str]:
        """Group and pattern: the inverse of `member`."""
        _, group, pattern = _id_of(member).split("~", 2)
        return unquote(group), unquote(pattern)

    @property
    def _before(self) -> str:
        return f"{self.prefix}." if self.prefix else ""

    def _named(self, kind: str, id_: str) -> str:
        if not _ID.fullmatch(id_):
            raise BusMisconfiguredError(
                f"Pub/Sub has no {kind} named {id_}: expected {_ACCEPTED}: choose "
                "another BUS_SUBJECT_PREFIX"
            )
        return f"projects/{self.project}/{kind}/{id_}"


def _unnamed(source: str) -> str:
    return f"storehouse.log.{source}"


def _id_of(name: str) -> str:
    return name.rpartition("/")[2]
