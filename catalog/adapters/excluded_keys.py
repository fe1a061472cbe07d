"""What a rebuild applies otherwise than the log has it.

It excludes keys with dead letters and events that were discarded; what an operator has
edited it applies as edited.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope
from shared_kernel.dead_letters import discarded, edited
from shared_kernel.dead_letters import store as dead_letters
from shared_kernel.dead_letters.edited import Edit
from shared_kernel.dead_letters.failure import Failure
from shared_kernel.dead_letters.letter import DEAD, PARKED, WAITS

Place = tuple[str, int]
"""A source, and a position in its log."""


class DeadLettersChangedError(Exception):
    """Dead letters were replayed, discarded or added: the rebuild must start over."""


@attrs.define(eq=False)
class ExcludedKeys:
    """The dead letters of `subscription` at the beginning, and those a rebuild adds.

    Events that an operator has discarded are passed over: unless they are to be applied
    after all (`with_discarded`), which forgets that they were discarded. Those that one
    has edited are applied so: unless they are to be applied `as_published`, which
    forgets the edits. `newest` makes the newest version of an event.
    """

    subscription: str
    sources: Sequence[str]
    newest: Callable[[Envelope], Envelope]
    with_discarded: bool = False
    as_published: bool = False
    _before: frozenset[Place] = frozenset()
    _discarded: Mapping[Place, str] = attrs.field(factory=dict)
    _edits: Mapping[Place, Edit] = attrs.field(factory=dict)
    # By source and key: the position from which events must not be applied.
    _blocked: dict[tuple[str, str], int] = attrs.field(factory=dict)
    _added: dict[Place, tuple[Envelope, Failure | None]] = attrs.field(factory=dict)

    @property
    def added(self) -> int:
        """How many the rebuild adds."""
        return len(self._added)

    def begin(self, connection: Connection) -> None:
        letters = self._letters(connection)
        self._before, self._blocked, self._added = _places(letters), {}, {}
        self._discarded = self._discarded_events(connection)
        self._edits = self._edited_events(connection)
        for letter in letters:
            key = letter.source, letter.key
            first = self._blocked.get(key, letter.position)
            self._blocked[key] = min(letter.position, first)

    def applicable(self, batch: Sequence[Envelope]) -> Sequence[Envelope]:
        """`batch` without discarded events and without the events of excluded keys.

        Edited ones are as the log has them.
        """
        if self._discarded and not self.with_discarded:
            batch = [each for each in batch if not self._is_discarded(each)]
        if not self._blocked:
            return batch
        return [envelope for envelope in batch if not self.holds_back(envelope)]

    def edited(self, batch: Sequence[Envelope]) -> Sequence[Envelope]:
        """`batch` as operators have edited it, in its newest version."""
        if not self._edits or self.as_published:
            return batch
        edits = ((each, self._edits.get(_place(each))) for each in batch)
        return [self.newest(edit.made(each)) if edit else each for each, edit in edits]

    def holds_back(self, envelope: Envelope) -> bool:
        """Park an event behind a dead letter of the same key."""
        first = self._blocked.get((envelope.source, envelope.key))
        if first is None or envelope.position < first:
            return False
        place = _place(envelope)
        if place not in self._before:
            self._added[place] = envelope, None
        return True

    def dead_letter(self, envelope: Envelope, error: Exception) -> None:
        """Dead-letter an event that failed permanently."""
        self._blocked[envelope.source, envelope.key] = envelope.position
        self._added[_place(envelope)] = envelope, Failure.of(error)

    def add_to(self, connection: Connection, now_us: int) -> None:
        """Raises DeadLettersChangedError."""
        present = _places(self._letters(connection))
        if not self._before <= present <= self._before | self._added.keys():
            raise DeadLettersChangedError
        if self._discarded_events(connection) != self._discarded:
            raise DeadLettersChangedError
        if self._edited_events(connection) != self._edits:
            raise DeadLettersChangedError
        for source in self.sources:
            if self.with_discarded:
                discarded.forget(connection, self.subscription, source)
            if self.as_published:
                edited.forget(connection, self.subscription, source)
        for place, (envelope, failure) in self._added.items():
            if place not in present:
                dead_letters.add(
                    connection,
                    self.subscription,
                    [envelope],
                    state=DEAD if failure else PARKED,
                    reason=failure.reason if failure else WAITS,
                    attempts=1 if failure else 0,
                    now_us=now_us,
                    failure=failure,
                    edits=self._edits_at(place),
                )

    def _is_discarded(self, envelope: Envelope) -> bool:
        return self._discarded.get(_place(envelope)) == envelope.id

    def _edits_at(self, place: Place) -> dict[int, Edit]:
        edit = None if self.as_published else self._edits.get(place)
        return {place[1]: edit} if edit else {}

    def _edited_events(self, connection: Connection) -> dict[Place, Edit]:
        return {
            (source, position): edit
            for source in self.sources
            for position, edit in edited.edits(
                connection, self.subscription, source
            ).items()
        }

    def _discarded_events(self, connection: Connection) -> dict[Place, str]:
        return {
            (source, position): id_
            for source in self.sources
            for position, id_ in discarded.positions(
                connection, self.subscription, source
            ).items()
        }

    def _letters(self, connection: Connection) -> list[Envelope]:
        return [
            letter.envelope
            for letter in dead_letters.listed(connection)
            if letter.subscription == self.subscription
        ]


def _places(letters: Iterable[Envelope]) -> frozenset[Place]:
    return frozenset(map(_place, letters))


def _place(envelope: Envelope) -> Place:
    return envelope.source, envelope.position
