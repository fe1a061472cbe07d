"""Why letters failed: thousands of them have a few causes."""

from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.dead_letters.letter import DEAD, PARKED
from shared_kernel.dead_letters.selection import LETTERS, Selection
from shared_kernel.dead_letters.tables import dead_letters_table

_BEHIND = dead_letters_table(sa.MetaData()).alias("behind")


@attrs.frozen(kw_only=True)
class Cause:
    """`letters` of a subscription that failed with `error_type` in `place`.

    `parked` wait behind them. `first_us` and `last_us` are when the first and the last
    of them failed. `message` is that of the letter `example`. `cause`, `error_type` and
    `place` are empty for letters that have not been tried again since the one before
    them was repaired.
    """

    cause: str
    error_type: str
    place: str
    subscription: str
    message: str
    letters: int
    parked: int
    first_us: int
    last_us: int
    example: int


def clustered(connection: Connection, selection: Selection) -> list[Cause]:
    """The most frequent cause first.

    Parked letters are counted behind the dead ones of `selection` only.
    """
    c = LETTERS.c
    of = (c.cause, c.error_type, c.place, c.subscription)
    dead = sa.and_(selection.condition(), c.state == DEAD)
    waiting = (
        sa.select(*of, sa.func.count().label("parked"))
        .join_from(
            LETTERS,
            _BEHIND,
            sa.and_(
                _BEHIND.c.subscription == c.subscription,
                _BEHIND.c.source == c.source,
                _BEHIND.c.key == c.key,
                _BEHIND.c.state == PARKED,
            ),
        )
        .where(dead)
        .group_by(*of)
    ).subquery()
    found = (
        sa.select(
            *of,
            sa.func.count().label("letters"),
            sa.func.min(c.since_us).label("first_us"),
            sa.func.max(c.last_us).label("last_us"),
            sa.func.min(c.number).label("example"),
        )
        .where(dead)
        .group_by(*of)
    ).subquery()
    example = LETTERS.alias("example")
    statement = (
        sa.select(
            found,
            sa.func.coalesce(waiting.c.parked, 0).label("parked"),
            example.c.reason,
        )
        .join(example, example.c.number == found.c.example)
        .outerjoin(
            waiting,
            sa.and_(*(found.c[each.name] == waiting.c[each.name] for each in of)),
        )
        .order_by(found.c.letters.desc(), found.c.example)
    )
    return [_cause_from_row(row) for row in connection.execute(statement)]


def _cause_from_row(row: sa.Row[Any]) -> Cause:
    return Cause(
        cause=row.cause,
        error_type=row.error_type,
        place=row.place,
        subscription=row.subscription,
        message=row.reason.removeprefix(f"{row.error_type}: "),
        letters=row.letters,
        parked=row.parked,
        first_us=row.first_us,
        last_us=row.last_us,
        example=row.example,
    )


@attrs.frozen(kw_only=True)
class CountedCause:
    """How many letters of a subscription failed so; `cause` is empty as in Cause."""

    subscription: str
    cause: str
    error_type: str
    place: str
    letters: int


def counted_by_cause(connection: Connection) -> list[CountedCause]:
    """Of all dead letters, the most frequent first; at less cost than `clustered`."""
    c, letters = LETTERS.c, sa.func.count().label("letters")
    of = (c.subscription, c.cause, c.error_type, c.place)
    statement = (
        sa.select(*of, letters)
        .where(c.state == DEAD)
        .group_by(*of)
        .order_by(letters.desc(), *of)
    )
    return [
        CountedCause(
            subscription=row.subscription,
            cause=row.cause,
            error_type=row.error_type,
            place=row.place,
            letters=row.letters,
        )
        for row in connection.execute(statement)
    ]
