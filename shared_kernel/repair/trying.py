"""Applies letters in a transaction that is rolled back, and watches what it changes."""

import time
from collections.abc import Callable, Sequence
from math import inf

import attrs
from sqlalchemy.engine import Connection

from shared_kernel.dead_letters.failure import Failure
from shared_kernel.dead_letters.letter import DeadLetter
from shared_kernel.events.subscription import Apply
from shared_kernel.repair import sequences
from shared_kernel.repair.rehearsed import Rehearsed
from shared_kernel.storage.errors import is_fault
from shared_kernel.storage.row_changes import RowChange
from shared_kernel.storage.watching import RowChanges

ApplyOf = Callable[[DeadLetter], Apply]
"""How a letter is applied. Raises ReplayError if nobody can."""

MOST_BEHIND = 500
"""So many of those parked behind one letter are tried."""

BOOKKEEPING = {
    "alembic_version",
    "dead_letter_repairs",
    "dead_letters",
    "discarded_events",
    "edited_events",
    "subscription_cursors",
}
"""Tables that a replay itself changes, not what it applies."""

APPENDED = {
    # `written` and those behind it are of PostgreSQL alone: how positions are given.
    "event_log": {
        *("position", "id", "time_us"),
        *("written", "transaction", "seen_below", "seen_open"),
    },
    "jobs": {"added_us", "failed_us"},
}
"""Tables to which rows are added, with the columns that are new in each replay."""


@attrs.frozen
class Trying:
    """Each letter sees what those before it change in the same transaction."""

    apply_of: ApplyOf
    connection: Connection
    changes: RowChanges

    def all(
        self, letters: Sequence[DeadLetter], until_s: float = inf
    ) -> list[Rehearsed]:
        """Try each with those behind it; begin none later than `until_s`, but one.

        `until_s` is by the monotonic clock. Raises faults of the infrastructure.
        """
        waiting = sequences.waiting(self.connection, letters)
        tried: list[Rehearsed] = []
        for letter in letters:
            if tried and time.monotonic() >= until_s:
                break
            envelope = letter.envelope
            place = letter.subscription, envelope.source, envelope.key
            tried.append(self._sequence(letter, waiting.get(place, 0)))
        return tried

    def _sequence(self, letter: DeadLetter, behind: int) -> Rehearsed:
        """In order, up to the first that fails: the rest would stay parked."""
        parked: list[DeadLetter] = []
        if behind:
            parked = sequences.parked_behind(self.connection, letter, MOST_BEHIND)
        applied, failure = 0, None
        events = [letter, *parked]
        for each in events:
            failure = self._failure_of(each)
            if failure is not None:
                break
            applied += 1
        written = self.changes.taken()
        return Rehearsed(
            letter=letter,
            behind=behind,
            applied=applied,
            failing=events[applied] if failure else None,
            failure=failure,
            changes=[
                change for each in written if (change := _repeatable(each)).differs
            ],
            written=[each for each in written if each.table.name not in APPENDED],
        )

    def _failure_of(self, letter: DeadLetter) -> Failure | None:
        try:
            with self.changes.savepoint():
                self.apply_of(letter)([letter.envelope], self.connection)
        except Exception as error:
            if is_fault(error):
                raise
            return Failure.of(error)
        return None


def _repeatable(change: RowChange) -> RowChange:
    """Without what would be another in a replay."""
    new = APPENDED.get(change.table.name)
    if new is None:
        return change
    key, before, after = (
        row and {name: value for name, value in row.items() if name not in new}
        for row in (change.key, change.before, change.after)
    )
    return RowChange(change.table, key or {}, before, after)
