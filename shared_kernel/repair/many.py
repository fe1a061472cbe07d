"""The same for many letters, one after the other: each is done, or told why not."""

from collections.abc import Callable, Iterator

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.dead_letters.letter import (
    DEAD,
    LetterChangedError,
    ReplayError,
    StillFailingError,
    UnknownDeadLetterError,
)
from shared_kernel.dead_letters.selection import LETTERS, Selection
from shared_kernel.repair.waiting import clustered


@attrs.frozen
class Chosen:
    """Dead letters, by their numbers, and how many messages wait behind them."""

    numbers: tuple[int, ...]
    waiting: int


@attrs.frozen
class Outcome:
    """What became of letter `number`.

    It was done with `done` letters, those behind it included. `error` is why not with
    all of them, or with none; None if it was.
    """

    number: int
    done: int
    error: ReplayError | None = None

    @property
    def is_elsewhere(self) -> bool:
        """Whether another operator has done something with it meanwhile."""
        return isinstance(self.error, LetterChangedError | UnknownDeadLetterError)


def choose(connection: Connection, selection: Selection) -> Chosen:
    """Those that have failed themselves; parked ones follow them."""
    condition = sa.and_(selection.condition(), LETTERS.c.state == DEAD)
    numbers = sa.select(LETTERS.c.number).where(condition).order_by(LETTERS.c.number)
    return Chosen(
        tuple(connection.execute(numbers).scalars()),
        sum(cause.parked for cause in clustered(connection, selection)),
    )


def each_of(chosen: Chosen, act: Callable[[int], int]) -> Iterator[Outcome]:
    """Call `act` with each number. Raises only what is no ReplayError."""
    for number in chosen.numbers:
        try:
            yield Outcome(number, act(number))
        except ReplayError as error:
            applied = error.applied if isinstance(error, StillFailingError) else 0
            yield Outcome(number, applied, error)
