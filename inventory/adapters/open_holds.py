"""What do orders hold of a stock item? Read from the commands' database, so exact."""

from collections.abc import Sequence
from datetime import datetime

import attrs
import msgspec
from sqlalchemy import Integer, bindparam, select
from sqlalchemy.engine import Connection

from inventory.adapters.tables import reservations
from shared_kernel.clock import from_us, rfc3339, to_us
from shared_kernel.storage.prepared import Prepared

_PAGE = Prepared(
    select(
        reservations.c.order_reference,
        reservations.c.pieces,
        reservations.c.until_us,
        reservations.c.placed,
    )
    .where(
        reservations.c.sku == bindparam("wanted"),
        reservations.c.placed > bindparam("after"),
        reservations.c.until_us > bindparam("now_us"),
    )
    .order_by(reservations.c.placed)
    .limit(bindparam("limit", type_=Integer))
)


class OpenHold(msgspec.Struct, frozen=True, kw_only=True):
    """`held` pieces, until the moment `until`."""

    order: str
    held: int
    until: str


@attrs.frozen
class Page:
    """`next_after` is where to continue, if there is more."""

    holds: Sequence[OpenHold]
    next_after: int | None


def page(
    connection: Connection, sku: str, now: datetime, after: int, limit: int
) -> Page:
    """At most `limit` holds of `sku` placed after number `after`, oldest first.

    Those whose time is over by `now` are holds no more, though their pieces may not be
    available again yet.
    """
    asked = {
        "wanted": sku,
        "after": after,
        "now_us": to_us(now),
        "limit": limit + 1,
    }
    rows = _PAGE.rows(connection, asked)
    more = len(rows) > limit
    rows = rows[:limit]
    return Page(
        holds=[
            OpenHold(order=order, held=pieces, until=rfc3339(from_us(until_us)))
            for order, pieces, until_us, _ in rows
        ],
        next_after=rows[-1][-1] if more else None,
    )
