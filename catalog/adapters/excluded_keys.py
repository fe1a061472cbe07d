"""The keys that a rebuild excludes, because their events are among the dead letters."""

from collections.abc import Iterable, Sequence

import attrs
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope
from shared_kernel.dead_letters import store as dead_letters
from shared_kernel.dead_letters.failure import Failure
from shared_kernel.dead_letters.letter import DEAD, PARKED

Place = tuple[str, int]
"""A source, and a position in its log."""

WAITS = "waits behind a dead letter of the same key"


class DeadLettersChangedError(Exception):
    """Dead letters were replayed, discarded or added: the rebuild must start over."""


@attrs.define(eq=False)
class ExcludedKeys:
    """The dead letters of `subscription` at the beginning, and those a rebuild adds."""

    subscription: str
    _before: frozenset[Place] = frozenset()
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
        for letter in letters:
            key = letter.source, letter.key
            first = self._blocked.get(key, letter.position)
            self._blocked[key] = min(letter.position, first)

    def applicable(self, batch: Sequence[Envelope]) -> Sequence[Envelope]:
        """`batch` without the events of excluded keys."""
        if not self._blocked:
            return batch
        return [envelope for envelope in batch if not self.holds_back(envelope)]

    def holds_back(self, envelope: Envelope) -> bool:
        """Park an event behind a dead letter of the same key."""
        first = self._blocked.get((envelope.source, envelope.key))
        if first is None or envelope.position < first:
            return False
        place = envelope.source, envelope.position
        if place not in self._before:
            self._added[place] = envelope, None
        return True

    def dead_letter(self, envelope: Envelope, error: Exception) -> None:
        """Dead-letter an event that failed permanently."""
        self._blocked[envelope.source, envelope.key] = envelope.position
        place = envelope.source, envelope.position
        self._added[place] = envelope, Failure.of(error)

    def add_to(self, connection: Connection, now_us: int) -> None:
        """Raises DeadLettersChangedError."""
        present = _places(self._letters(connection))
        if not self._before <= present <= self._before | self._added.keys():
            raise DeadLettersChangedError
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
                )

    def _letters(self, connection: Connection) -> list[Envelope]:
        return [
            letter.envelope
            for letter in dead_letters.listed(connection)
            if letter.subscription == self.subscription
        ]


def _places(letters: Iterable[Envelope]) -> frozenset[Place]:
    return frozenset((letter.source, letter.position) for letter in letters)
