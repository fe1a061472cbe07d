"""What an operator does with dead letters: replay or discard."""

from collections.abc import Mapping

from sqlalchemy.engine import Connection

from shared_kernel.clock import Clock, system_clock, to_us
from shared_kernel.dead_letters import discarded
from shared_kernel.dead_letters import store as dead_letters
from shared_kernel.dead_letters.failure import Failure
from shared_kernel.dead_letters.letter import (
    DEAD,
    DeadLetter,
    ReplayError,
    StillFailingError,
)
from shared_kernel.events.cursors import hold
from shared_kernel.events.subscription import Apply
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import is_fault

TO_BE_REPLAYED = "those before it are gone; it has not been tried again"


class DeadLetters:
    """The dead letters of one database, and how its subscriptions apply events.

    `subscriptions` is keyed by the name of the subscription and its source.
    """

    def __init__(
        self,
        database: Database,
        subscriptions: Mapping[tuple[str, str], Apply],
        clock: Clock = system_clock,
    ) -> None:
        self.database = database
        self.subscriptions = subscriptions
        self._clock = clock

    def list(self) -> list[DeadLetter]:
        with self.database.reading() as connection:
            return dead_letters.listed(connection)

    def show(self, number: int) -> DeadLetter:
        """Raises UnknownDeadLetterError."""
        with self.database.reading() as connection:
            return dead_letters.get(connection, number)

    def replay(self, number: int) -> int:
        """Apply the event and then those parked behind it, in order; return how many.

        Each takes one transaction, which also makes the next event the dead letter that
        the rest wait behind: so an interrupt keeps the order. Raises
        UnknownDeadLetterError, and StillFailingError at the first that fails again.
        """
        applied = 0
        waiting: int | None = number
        while waiting is not None:
            waiting = self._replay_one(waiting)
            applied += 1
        return applied

    def discard(self, number: int) -> int:
        """Delete the event for good, then replay those behind it; return how many."""
        with self.database.writing() as connection:
            letter = self._dead(connection, number)
            now_us = to_us(self._clock())
            discarded.add(connection, letter, who="", why="", now_us=now_us)
            following = self._pass(connection, letter)
        return 0 if following is None else self.replay(following)

    def _replay_one(self, number: int) -> int | None:
        try:
            with self.database.writing() as connection:
                letter = self._dead(connection, number)
                self._apply_of(letter)([letter.envelope], connection)
                return self._pass(connection, letter)
        except ReplayError:
            raise
        except Exception as error:
            if is_fault(error):
                raise
            failure = Failure.of(error)
            with self.database.writing() as connection:
                dead_letters.mark_dead(
                    connection,
                    number,
                    failure.reason,
                    failed=1,
                    failure=failure,
                    now_us=to_us(self._clock()),
                )
            raise StillFailingError(
                f"dead letter {number} failed again: {failure.reason}"
            ) from error

    def _apply_of(self, letter: DeadLetter) -> Apply:
        apply = self.subscriptions.get((letter.subscription, letter.envelope.source))
        if apply is None:
            raise ReplayError(
                f"dead letter {letter.number}: there is no subscription "
                f"{letter.subscription!r} any more; discard it"
            )
        return apply

    def _dead(self, connection: Connection, number: int) -> DeadLetter:
        letter = dead_letters.get(connection, number)
        # Locks out the subscription: a new event of the same key is applied after this.
        hold(connection, letter.subscription, letter.envelope.source)
        letter = dead_letters.take(connection, number)
        if letter.state != DEAD:
            raise ReplayError(
                f"dead letter {number} waits behind an earlier one of "
                f"{letter.envelope.key!r}: replay or discard that one"
            )
        return letter

    def _pass(self, connection: Connection, letter: DeadLetter) -> int | None:
        dead_letters.remove(connection, letter.number)
        following = dead_letters.next_behind(connection, letter)
        if following is None:
            return None
        dead_letters.mark_dead(connection, following.number, TO_BE_REPLAYED, failed=0)
        return following.number
