"""Which parcels are there? One row a parcel, with the JSON as it will be sent."""

from collections.abc import Sequence
from datetime import datetime

import attrs
import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope
from shared_kernel.clock import from_us
from shared_kernel.events.entries import POSITION
from shared_kernel.events.reading import read_all
from shared_kernel.storage.prepared import Prepared

metadata = sa.MetaData()

parcel_list = sa.Table(
    "parcel_list",
    metadata,
    sa.Column("position", POSITION, primary_key=True, autoincrement=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

_ADD = Prepared(sa.insert(parcel_list))
_PAGE = Prepared(
    sa.select(parcel_list.c.body, parcel_list.c.position)
    .where(parcel_list.c.position < sa.bindparam("before"))
    .order_by(parcel_list.c.position.desc())
    .limit(sa.bindparam("limit"))
)


@attrs.frozen(kw_only=True)
class ParcelSeen:
    """The fields that the list reads of every `parcel.*` event."""

    reference: str
    sku: str
    name: str


class ListedParcel(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel in the response."""

    reference: str
    sku: str
    name: str
    opened_at: datetime


@attrs.frozen
class ParcelPage:
    """`body` is a JSON array; `next_before` is where to continue, None at the end."""

    body: bytes
    next_before: int | None


def project(batch: Sequence[Envelope], connection: Connection) -> None:
    """Add a row for each parcel. Raises UnreadableEventError."""
    seen = read_all(ParcelSeen, batch)
    rows = [
        {"position": envelope.position, "body": _body(parcel, envelope)}
        for envelope, parcel in zip(batch, seen, strict=True)
    ]
    _ADD.write_all(connection, rows)


def clear(connection: Connection) -> None:
    """Delete all rows, before the projection begins anew."""
    connection.execute(sa.delete(parcel_list))


def page(connection: Connection, before: int, limit: int) -> ParcelPage:
    """At most `limit` parcels before position `before`, newest first."""
    rows = _PAGE.rows(connection, {"before": before, "limit": limit + 1})
    more, rows = len(rows) > limit, rows[:limit]
    return ParcelPage(
        body=b"[%b]" % b",".join([body for body, _ in rows]),
        next_before=rows[-1][1] if more else None,
    )


def _body(parcel: ParcelSeen, envelope: Envelope) -> bytes:
    return msgspec.json.encode(
        ListedParcel(
            reference=parcel.reference,
            sku=parcel.sku,
            name=parcel.name,
            opened_at=from_us(envelope.time_us),
        )
    )
