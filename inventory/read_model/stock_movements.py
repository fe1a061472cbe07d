"""What moved, and when? One row an event, with the JSON as it will be sent."""

from collections.abc import Sequence
from functools import cache

import attrs
import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope
from shared_kernel.events.entries import POSITION
from shared_kernel.events.versions import subject_of
from shared_kernel.storage.prepared import Prepared

metadata = sa.MetaData()

stock_movements = sa.Table(
    "stock_movements",
    metadata,
    sa.Column("position", POSITION, primary_key=True, autoincrement=False),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("stock_movements_sku", "sku", "position"),
)

_ADD = Prepared(sa.insert(stock_movements))
_PAGE = Prepared(
    sa.select(stock_movements.c.body, stock_movements.c.position)
    .where(
        stock_movements.c.sku == sa.bindparam("wanted"),
        stock_movements.c.position < sa.bindparam("before"),
    )
    .order_by(stock_movements.c.position.desc())
    .limit(sa.bindparam("limit"))
)


@attrs.frozen
class MovementsPage:
    """`body` is a JSON array; `next_before` is where to continue, if there is more."""

    body: bytes
    next_before: int | None


def project(batch: Sequence[Envelope], connection: Connection) -> None:
    """Add a row for each event.

    The subscription delivers each position once; a repeated one would be refused by the
    primary key. A late one cannot come.
    """
    rows = [
        {
            "position": envelope.position,
            "sku": envelope.key,
            "body": _shown(envelope),
        }
        for envelope in batch
    ]
    _ADD.write_all(connection, rows)


def clear(connection: Connection) -> None:
    """Delete all rows, before the projection begins anew."""
    connection.execute(sa.delete(stock_movements))


def page(connection: Connection, sku: str, before: int, limit: int) -> MovementsPage:
    """At most `limit` movements of `sku` before position `before`, newest first."""
    asked = {"wanted": sku, "before": before, "limit": limit + 1}
    rows = _PAGE.rows(connection, asked)
    more = len(rows) > limit
    rows = rows[:limit]
    return MovementsPage(
        body=b"[%b]" % b",".join([body for body, _ in rows]),
        next_before=rows[-1][1] if more else None,
    )


@cache
def _kind_of(type_: str) -> str:
    return subject_of(type_).partition(".")[2]


def _shown(envelope: Envelope) -> bytes:
    """The published event, after its type and its time."""
    head = msgspec.json.encode(
        {
            "position": envelope.position,
            "kind": _kind_of(envelope.type),
            "at": envelope.time,
        }
    )
    return head[:-1] + b"," + envelope.data[1:]
