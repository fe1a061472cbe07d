"""Chooses letters by what they are, and reads them a page at a time."""

from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.dead_letters.letter import DeadLetter, letter_from_row
from shared_kernel.dead_letters.tables import dead_letters_table

PAGE = 100

LETTERS = dead_letters_table(sa.MetaData())


@attrs.frozen(kw_only=True)
class Selection:
    """Letters for which all that is given is so.

    `since_us` chooses those that failed last, or were parked, at that moment or later.
    `cause` is that of `Failure`, `state` is `dead` or `parked`.
    """

    subscription: str | None = None
    type: str | None = None
    key: str | None = None
    since_us: int | None = None
    cause: str | None = None
    state: str | None = None

    def condition(self) -> sa.ColumnElement[bool]:
        """On the table `LETTERS`."""
        c = LETTERS.c
        exact = (
            (c.subscription, self.subscription),
            (c.type, self.type),
            (c.key, self.key),
            (c.cause, self.cause),
            (c.state, self.state),
        )
        chosen = [column == value for column, value in exact if value is not None]
        if self.since_us is not None:
            chosen.append(c.last_us >= self.since_us)
        return sa.and_(sa.true(), *chosen)


def page(
    connection: Connection, selection: Selection, after: int = 0, limit: int = PAGE
) -> list[DeadLetter]:
    """The first `limit` letters with a number beyond `after`."""
    statement: sa.Select[Any] = (
        sa.select(LETTERS)
        .where(selection.condition(), LETTERS.c.number > after)
        .order_by(LETTERS.c.number)
        .limit(limit)
    )
    return [letter_from_row(row) for row in connection.execute(statement)]


def count(connection: Connection, selection: Selection) -> int:
    counted = sa.select(sa.func.count()).select_from(LETTERS)
    statement = counted.where(selection.condition())
    return int(connection.execute(statement).scalar_one())
