"""Versions of published events: old ones are read in the newest form (upcasting).

The type of a first version is the event's subject (`order.placed`), later ones end in
their number (`order.placed.v2`). A log holds each event in the version that was the
newest when it happened.

BrokenChainError   the declared versions of an event do not follow one another
"""

import re
from collections.abc import Callable, Collection, Hashable, Sequence
from operator import attrgetter
from typing import Any

import attrs
import msgspec
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope
from shared_kernel.events.errors import UnreadableEventError, reason_of
from shared_kernel.events.event_log import EventFeed, Mark
from shared_kernel.events.identity import LogKeys

Payload = dict[str, Any]
Cast = Callable[[Payload], Payload]
Apply = Callable[[Sequence[Envelope], Connection], None]

_NUMBER = re.compile(r"\.v([2-9]|[1-9]\d+)\Z")

NEWEST = 99
"""A number that no version reaches."""


class BrokenChainError(LookupError):
    """The message says which version lacks what."""


@attrs.frozen(kw_only=True)
class Successor:
    """The version `newer` follows `older`, the one before it.

    `upcast` makes its payload of an older one. With `downcast`, the reverse, the older
    version is published beside the newer one, for those who still read it.
    """

    older: str
    newer: str
    upcast: Cast
    downcast: Cast | None = None


def number_of(type_: str) -> int:
    found = _NUMBER.search(type_)
    return int(found[1]) if found else 1


def subject_of(type_: str) -> str:
    """The type without a version."""
    return _NUMBER.sub("", type_)


_type_of = attrgetter("type")


def schema_file(type_: str) -> str:
    """The name of the file with the JSON Schema."""
    return f"{subject_of(type_)}.v{number_of(type_)}.json"


class Versions:
    """The declared versions. Raises BrokenChainError.

    `published` are the types of all published events.
    """

    def __init__(
        self, successors: Sequence[Successor] = (), published: Collection[str] = ()
    ) -> None:
        self._up = {each.older: each for each in successors}
        self._down = {each.newer: each for each in successors}
        for each in successors:
            self._check(each, published)
        for type_ in published:
            if number_of(type_) > 1 and type_ not in self._down:
                raise BrokenChainError(
                    f"{type_} follows no version: declare its Successor with an upcast"
                )
        if len(self._up) < len(successors) or len(self._down) < len(successors):
            raise BrokenChainError("two versions follow the same one, or precede it")

    def __bool__(self) -> bool:
        return bool(self._up)

    def is_outdated(self, type_: str) -> bool:
        """Whether a newer version follows."""
        return type_ in self._up

    def has_outdated(self, batch: Sequence[Envelope]) -> bool:
        """Whether a newer version of any event follows."""
        return not self._up.keys().isdisjoint(map(_type_of, batch))

    def successor_of(self, type_: str) -> str | None:
        """The next version, if there is one."""
        up = self._up.get(type_)
        return up.newer if up else None

    def newest(self, envelope: Envelope) -> Envelope:
        """The event in its newest version. Raises UnreadableEventError."""
        if envelope.type not in self._up:
            return envelope
        return self.in_version(envelope, NEWEST)

    def in_version(self, envelope: Envelope, number: int) -> Envelope:
        """The event in version `number`, or the nearest one there is.

        That is a lower one if it has none so high, and a higher one if the lower ones
        are no longer published. Raises UnreadableEventError.
        """
        type_ = envelope.type
        payload: Payload | None = None
        while (up := self._up.get(type_)) and number_of(type_) < number:
            payload = self._cast(envelope, up.upcast, payload)
            type_ = up.newer
        while (down := self._down.get(type_)) and number_of(type_) > number:
            if down.downcast is None:
                break
            payload = self._cast(envelope, down.downcast, payload)
            type_ = down.older
        if payload is None:
            return envelope
        return attrs.evolve(envelope, type=type_, data=msgspec.json.encode(payload))

    def preferably(self, envelope: Envelope, number: int) -> Envelope:
        """As `in_version`; an event that cannot be read so is unchanged."""
        if envelope.type not in self._up and envelope.type not in self._down:
            return envelope
        try:
            return self.in_version(envelope, number)
        except UnreadableEventError:
            return envelope

    def published(self, envelope: Envelope) -> list[Envelope]:
        """The event in all versions that are published, the newest first.

        An event that cannot be read in another version is published unchanged.
        """
        if envelope.type not in self._up and envelope.type not in self._down:
            return [envelope]
        forms = [self.preferably(envelope, NEWEST)]
        while (down := self._down.get(forms[-1].type)) and down.downcast:
            form = self.preferably(envelope, number_of(down.older))
            if form.type != down.older:
                break
            forms.append(form)
        return forms

    def applying(self, apply: Apply) -> Apply:
        """`apply` for events of any version: it gets them in the newest one."""
        if not self._up:
            return apply

        def apply_newest(batch: Sequence[Envelope], connection: Connection) -> None:
            if self.has_outdated(batch):
                batch = [self.newest(envelope) for envelope in batch]
            apply(batch, connection)

        return apply_newest

    def dating(
        self, dated: Callable[[Envelope], Hashable]
    ) -> Callable[[Envelope], Hashable]:
        """`dated` (`compaction.Dated`) for events of any version."""
        return lambda envelope: dated(self.newest(envelope))

    def _cast(self, envelope: Envelope, cast: Cast, payload: Payload | None) -> Payload:
        try:
            if payload is None:
                payload = msgspec.json.decode(envelope.data, type=dict[str, Any])
            return cast(payload)
        except Exception as error:
            raise UnreadableEventError(
                f"{envelope}: it has no newer or older version: {reason_of(error)}"
            ) from error

    def _check(self, each: Successor, published: Collection[str]) -> None:
        follows = subject_of(each.older) == subject_of(each.newer)
        if not follows or number_of(each.newer) != number_of(each.older) + 1:
            raise BrokenChainError(
                f"{each.newer} cannot follow {each.older}: expected "
                f"{subject_of(each.older)}.v{number_of(each.older) + 1}"
            )
        if number_of(each.older) > 1 and each.older not in self._down:
            raise BrokenChainError(
                f"{each.older} follows no version, so events of earlier ones cannot be "
                f"read as {each.newer}: declare its Successor with an upcast"
            )
        if each.newer not in published and each.newer not in self._up:
            raise BrokenChainError(f"{each.newer} is not among the published events")
        if each.downcast and each.older not in published:
            raise BrokenChainError(
                f"{each.older} has a downcast, but is not among the published events"
            )
        if each.downcast is None and each.older in published:
            raise BrokenChainError(
                f"{each.older} is among the published events, but {each.newer} has no "
                "downcast to it"
            )
        up = self._up.get(each.newer)
        if up is not None and up.downcast is None and each.downcast:
            raise BrokenChainError(
                f"{each.older} cannot be made of {up.newer}: that has no downcast to "
                f"{each.newer}"
            )


@attrs.frozen
class NewestFeed:
    """`feed` with events in their newest versions; unreadable ones are unchanged."""

    feed: EventFeed
    versions: Versions

    @property
    def source(self) -> str:
        return self.feed.source

    def read(self, after: int, limit: int) -> list[Envelope]:
        batch = self.feed.read(after, limit)
        return [self.versions.preferably(envelope, NEWEST) for envelope in batch]

    def head(self) -> int:
        return self.feed.head()

    def mark(self, position: int) -> Mark:
        return self.feed.mark(position)

    def keys(self) -> LogKeys:
        return self.feed.keys()
