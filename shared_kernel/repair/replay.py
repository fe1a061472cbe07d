"""What an operator does with dead letters: replay, edit, discard, move to a queue.

Each is one transaction for each letter: it is done and recorded, or nothing is.
"""

from collections.abc import Iterator, Mapping, Sequence

import attrs
from sqlalchemy.engine import Connection

from shared_kernel.clock import Clock, system_clock, to_us
from shared_kernel.dead_letters import discarded, edited
from shared_kernel.dead_letters import store as dead_letters
from shared_kernel.dead_letters.failure import Failure
from shared_kernel.dead_letters.letter import (
    DeadLetter,
    ReplayError,
    StillFailingError,
)
from shared_kernel.dead_letters.selection import Selection, count
from shared_kernel.events.subscription import Apply
from shared_kernel.queues.port import Message
from shared_kernel.repair import history
from shared_kernel.repair.history import By
from shared_kernel.repair.many import Chosen, choose
from shared_kernel.repair.payloads import Check
from shared_kernel.repair.readers import Reader, Requeues
from shared_kernel.repair.rehearsal import Rehearsal
from shared_kernel.repair.rehearsed import Rehearsed
from shared_kernel.repair.taking import changed, known, taken, taken_dead
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import ConcurrentUpdateError, is_fault
from shared_kernel.storage.retry import retried

TO_BE_REPLAYED = "those before it are gone; it has not been tried again"


@attrs.frozen
class _Turn:
    """The letter whose turn it is, at the version at which it has become so."""

    number: int
    version: int | None


class DeadLetters:
    """The dead letters of one database, and how its subscriptions apply events.

    `subscriptions` has how each reader applies messages, `checks` how an edited one of
    it is checked, `queues` those readers that are queues. `tried` has how a rehearsal
    applies messages, where it differs: a job is not put back, but tried.
    """

    def __init__(
        self,
        database: Database,
        subscriptions: Mapping[Reader, Apply],
        clock: Clock = system_clock,
        *,
        checks: Mapping[Reader, Check] | None = None,
        queues: Mapping[Reader, Requeues] | None = None,
        tried: Mapping[Reader, Apply] | None = None,
    ) -> None:
        self.database = database
        self.subscriptions = subscriptions
        self._checks = checks or {}
        self._queues = queues or {}
        self._tried = tried or {}
        self._clock = clock

    def list(self) -> list[DeadLetter]:
        with self.database.reading() as connection:
            return dead_letters.listed(connection)

    def show(self, number: int) -> DeadLetter:
        """Raises UnknownDeadLetterError."""
        with self.database.reading() as connection:
            return known(connection, number)

    def choose(self, selection: Selection) -> Chosen:
        """For `many.each_of`."""
        with self.database.reading() as connection:
            return choose(connection, selection)

    def count(self, selection: Selection, state: str) -> int:
        """How many of `selection` are in that state."""
        with self.database.reading() as connection:
            return count(connection, attrs.evolve(selection, state=state))

    def rehearse(self, selection: Selection) -> Iterator[Rehearsed]:
        """What a replay of the dead letters of `selection` would do now, one by one.

        Nothing changes. Raises faults of the infrastructure.
        """
        return self._rehearsal.of(selection)

    def rehearse_letter(self, number: int) -> Rehearsed:
        """The same of one. Raises UnknownDeadLetterError; ReplayError if parked."""
        return self._rehearsal.of_letter(number)

    def replay(
        self, number: int, *, who: str = "", why: str = "", expected: int | None = None
    ) -> int:
        """Apply the event and then those parked behind it, in order; return how many.

        Each takes one transaction, which also makes the next event the dead letter that
        the rest wait behind: so an interrupt keeps the order. A letter of a queue
        becomes a job again. Raises UnknownDeadLetterError,
        LetterChangedError, and StillFailingError at the first that fails again.
        """
        if self._is_of_a_queue(number):
            return self.requeue(number, who=who, why=why, expected=expected)
        return self._replay_from(_Turn(number, expected), self._by(who, why))

    def discard(
        self, number: int, *, who: str = "", why: str = "", expected: int | None = None
    ) -> int:
        """Delete the event for good, then replay those behind it; return how many.

        Raises UnknownDeadLetterError and LetterChangedError; StillFailingError if one
        of those behind it fails, after it was discarded.
        """
        by = self._by(who, why)
        with self.database.writing() as connection:
            letter = taken_dead(connection, number, expected)
            discarded.add(connection, letter, who=who, why=why, now_us=by.at_us)
            history.record(
                connection, letter, history.DISCARDED, by, letter.envelope.data
            )
            turn = self._pass(connection, letter)
        if (queue := self._queues.get(self._reader_of(letter))) is not None:
            _tell(queue)
        return self._replay_from(turn, by)

    def edit(
        self,
        number: int,
        data: bytes,
        *,
        who: str = "",
        why: str = "",
        expected: int | None = None,
    ) -> DeadLetter:
        """Give the letter other data, which a replay will apply; return it.

        The log keeps the event as it was; the subscription applies it as edited, also
        when it reads it again. Nothing changes if the data is the same.
        Raises UnknownDeadLetterError, LetterChangedError and InvalidPayloadError.
        """
        with self.database.writing() as connection:
            letter = taken(connection, number, expected)
            before = letter.envelope.data
            if data != before:
                self.check(letter, data)
                by = self._by(who, why)
                history.record(connection, letter, history.EDITED, by, before)
                dead_letters.edit(connection, number, data)
                if self._reader_of(letter) not in self._queues:
                    edited.put(connection, letter, data)
            return dead_letters.get(connection, number)

    def check(self, letter: DeadLetter, data: bytes) -> None:
        """Raises InvalidPayloadError if the letter cannot get that data."""
        check = self._checks.get(self._reader_of(letter))
        if check is not None:
            check(letter.envelope, data)

    def requeue(
        self, number: int, *, who: str = "", why: str = "", expected: int | None = None
    ) -> int:
        """Make the message the job that it was, as new; return 1.

        Those of its key that wait behind it do so in the queue. Raises ReplayError if
        it is of no queue, UnknownDeadLetterError and LetterChangedError.
        """
        with self.database.writing() as connection:
            letter = taken_dead(connection, number, expected)
            queue = self._queues.get(self._reader_of(letter))
            if queue is None:
                raise ReplayError(
                    f"dead letter {number} is of no queue, but of the subscription "
                    f"{letter.subscription!r}: replay it"
                )
            added = queue.requeue(connection, [letter.envelope])
            by = self._by(who, why)
            history.record(connection, letter, history.REQUEUED, by, _edited(letter))
            dead_letters.remove(connection, number)
        _tell(queue, added)
        return 1

    def repairs(
        self,
        *,
        letter: int | None = None,
        before: int | None = None,
        limit: int = history.PAGE,
    ) -> Sequence[history.Repair]:
        """What was done, the newest first (`history.made`)."""
        with self.database.reading() as connection:
            return history.made(connection, letter=letter, before=before, limit=limit)

    @property
    def _rehearsal(self) -> Rehearsal:
        readers = self.subscriptions.keys()
        return Rehearsal(self.database, readers, self._rehearsed_by)

    def _replay_from(self, turn: _Turn | None, by: By) -> int:
        applied = 0
        while turn is not None:
            try:
                turn = self._replay_one(turn, by)
            except StillFailingError as error:
                error.applied = applied
                raise
            applied += 1
        return applied

    def _replay_one(self, turn: _Turn, by: By) -> _Turn | None:
        tried: list[DeadLetter] = []

        def replay() -> _Turn | None:
            with self.database.writing() as connection:
                letter = taken_dead(connection, turn.number, turn.version)
                tried[:] = [letter]
                self._apply_of(letter)([letter.envelope], connection)
                history.record(
                    connection, letter, history.REPLAYED, by, _edited(letter)
                )
                return self._pass(connection, letter)

        try:
            # A command may change the same rows meanwhile: nothing has happened then.
            return retried(replay, lambda e: isinstance(e, ConcurrentUpdateError))
        except ReplayError:
            raise
        except Exception as error:
            if not tried or is_fault(error):
                raise
            reason = self._mark_failed(tried[0], Failure.of(error))
            raise StillFailingError(tried[0].number, reason) from error

    def _mark_failed(self, letter: DeadLetter, failure: Failure) -> str:
        """Return the reason. Raises LetterChangedError if it has changed meanwhile."""
        with self.database.writing() as connection:
            marked = dead_letters.mark_dead(
                connection,
                letter.number,
                failure.reason,
                failed=1,
                failure=failure,
                now_us=to_us(self._clock()),
                seen=letter.version,
            )
            if not marked:
                raise changed(connection, letter.number)
        return failure.reason

    def _rehearsed_by(self, letter: DeadLetter) -> Apply:
        return self._tried.get(self._reader_of(letter)) or self._apply_of(letter)

    def _apply_of(self, letter: DeadLetter) -> Apply:
        apply = self.subscriptions.get(self._reader_of(letter))
        if apply is None:
            raise ReplayError(
                f"dead letter {letter.number}: there is no subscription "
                f"{letter.subscription!r} any more; discard it"
            )
        return apply

    def _pass(self, connection: Connection, letter: DeadLetter) -> _Turn | None:
        dead_letters.remove(connection, letter.number)
        following = dead_letters.next_behind(connection, letter)
        if following is None:
            return None
        dead_letters.mark_dead(connection, following.number, TO_BE_REPLAYED, failed=0)
        return _Turn(following.number, following.version + 1)

    def _is_of_a_queue(self, number: int) -> bool:
        if not self._queues:
            return False
        with self.database.reading() as connection:
            letter = known(connection, number)
        return self._reader_of(letter) in self._queues

    def _reader_of(self, letter: DeadLetter) -> Reader:
        return letter.subscription, letter.envelope.source

    def _by(self, who: str, why: str) -> By:
        return By(who, why, to_us(self._clock()))


def _tell(queue: Requeues, added: Sequence[Message] = ()) -> None:
    queue.look_again(added)
    queue.announce()


def _edited(letter: DeadLetter) -> bytes | None:
    """What was applied, if it was edited: nothing else has it."""
    return None if letter.original is None else letter.envelope.data
