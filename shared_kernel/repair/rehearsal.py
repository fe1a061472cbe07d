"""Tries letters, and what waits behind them, in transactions that are rolled back.

A rehearsal says what a replay of the same letters would do now. It tries a batch in one
transaction, in the order of a replay, so each letter sees what those before it change.
Before a batch it tries those of earlier batches again that have the same keys, or that
change the same rows. Between two batches others write, and subscriptions move on.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from threading import Event
from typing import TypeVar

import attrs
import structlog
from sqlalchemy.engine import Connection
from structlog.contextvars import bound_contextvars

from shared_kernel.dead_letters.letter import DEAD
from shared_kernel.dead_letters.selection import Selection, page
from shared_kernel.repair import sequences
from shared_kernel.repair.readers import Reader
from shared_kernel.repair.rehearsed import Rehearsed
from shared_kernel.repair.touched_rows import TouchedRows
from shared_kernel.repair.trying import BOOKKEEPING, ApplyOf, Trying
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import (
    ConcurrentUpdateError,
    ConnectionLostError,
    is_lock_timeout,
)
from shared_kernel.storage.retry import retried
from shared_kernel.storage.watching import RowChanges, watched

BATCH = 100
BATCH_S = 0.1
"""No letter begins later in a batch: for so long, others cannot write."""
MOST_EARLIER = 500
"""So many letters of earlier batches are tried again before a batch."""

T = TypeVar("T")

_log = structlog.get_logger(__name__)


@attrs.frozen
class _Batch:
    """`before` are letters of earlier batches. `is_last` if no letter follows.

    Others could not write for `took_s` seconds.
    """

    before: Sequence[Rehearsed]
    letters: Sequence[Rehearsed]
    is_last: bool
    took_s: float = 0.0


@attrs.frozen
class Rehearsal:
    """Of letters in `database`: of each, `apply_of` says how it is applied.

    `readers` have letters there. `rest` waits some seconds: as long as the batch before
    took, so that those who wait for the database come first.
    """

    database: Database
    readers: Collection[Reader]
    apply_of: ApplyOf
    rest: Callable[[float], object] = attrs.field(factory=lambda: Event().wait)

    def of(self, selection: Selection) -> Iterator[Rehearsed]:
        """The dead letters of `selection`, in the order of their numbers."""
        if selection.state not in {None, DEAD}:
            return
        selection = attrs.evolve(selection, state=DEAD)
        with closing(TouchedRows()) as touched:
            after, is_last, applied = 0, False, 0
            while not is_last:
                batch = self._batch(selection, after, touched)
                unseen = max(0, applied - _applied_in(batch.before))
                for each in batch.letters:
                    yield attrs.evolve(each, unseen=unseen)
                applied += _applied_in(batch.letters)
                is_last = batch.is_last
                if not is_last:
                    after = batch.letters[-1].letter.number
                    self.rest(batch.took_s)

    def of_letter(self, number: int) -> Rehearsed:
        """Raises UnknownDeadLetterError, and ReplayError for a parked one."""

        def attempt(connection: Connection, changes: RowChanges) -> Rehearsed:
            letter = sequences.first_of_its_key(connection, number)
            (rehearsed,) = self._trying(connection, changes).all([letter])
            return rehearsed

        return self._tried(attempt)

    def _batch(self, selection: Selection, after: int, touched: TouchedRows) -> _Batch:
        """The letters behind number `after`, behind all on which they depend."""
        before: set[int] = set()
        while True:
            begun = time.monotonic()
            batch = self._tried(partial(self._try_batch, selection, after, before))
            batch = attrs.evolve(batch, took_s=time.monotonic() - begun)
            tried = [*batch.before, *batch.letters]
            missing = touched.by(tried) - before
            missing -= {each.letter.number for each in tried}
            if not missing or len(before) > MOST_EARLIER:
                break
            before |= missing
            self.rest(batch.took_s)
        touched.add(batch.letters)
        return batch

    def _try_batch(
        self,
        selection: Selection,
        after: int,
        before: Iterable[int],
        connection: Connection,
        changes: RowChanges,
    ) -> _Batch:
        letters = page(connection, selection, after, BATCH)
        if not letters:
            return _Batch([], [], is_last=True)
        of_same_keys = sequences.earlier_of_same_keys(connection, self.readers, letters)
        numbers = sorted({*before, *of_same_keys})
        if (left_out := len(numbers) - MOST_EARLIER) > 0:
            _log.warning("rehearsed without all earlier letters", left_out=left_out)
            numbers = numbers[left_out:]
        trying = self._trying(connection, changes)
        earlier = trying.all(sequences.chosen(connection, selection, numbers))
        tried = trying.all(letters, until_s=time.monotonic() + BATCH_S)
        is_last = len(tried) == len(letters) < BATCH
        return _Batch(earlier, tried, is_last)

    def _trying(self, connection: Connection, changes: RowChanges) -> Trying:
        return Trying(self.apply_of, connection, changes)

    def _tried(self, attempt: Callable[[Connection, RowChanges], T]) -> T:
        """Gives way to others that write, and tries again until a deadline."""

        def in_a_trial() -> T:
            with (
                bound_contextvars(rehearsal=True),
                self.database.trial() as connection,
                watched(connection, besides=BOOKKEEPING) as changes,
            ):
                return attempt(connection, changes)

        return retried(in_a_trial, _may_work_later)


def _applied_in(tried: Iterable[Rehearsed]) -> int:
    """How many changed something: what fails leaves nothing."""
    return sum(each.applied > 0 for each in tried)


def _may_work_later(error: Exception) -> bool:
    transient = isinstance(error, ConcurrentUpdateError | ConnectionLostError)
    return transient or is_lock_timeout(error)
