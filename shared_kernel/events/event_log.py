"""The append-only log of what one context published: the truth that buses hurry along.

Positions are 1, 2, 3, … without holes. SQLite has one writer, so the insert gives them,
inside the transaction that changes the aggregates (laws 1 and 2).
"""

from collections.abc import Sequence
from typing import Protocol

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from uuid_utils import uuid7

from shared_kernel.adapters.database import Database
from shared_kernel.adapters.prepared import Prepared
from shared_kernel.events.envelope import Envelope


def event_log_table(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "event_log",
        metadata,
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("time_us", sa.BigInteger, nullable=False),
        sa.Column("traceparent", sa.Text),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )


_LOG = event_log_table(sa.MetaData())
_HEAD = Prepared(sa.select(sa.func.coalesce(sa.func.max(_LOG.c.position), 0)))
_APPEND = Prepared(sa.insert(_LOG))
_READ = Prepared(
    sa.select(
        _LOG.c.position,
        _LOG.c.id,
        _LOG.c.type,
        _LOG.c.key,
        _LOG.c.time_us,
        _LOG.c.traceparent,
        _LOG.c.data,
    )
    .where(_LOG.c.position > sa.bindparam("after"))
    .order_by(_LOG.c.position)
    .limit(sa.bindparam("limit"))
)


class EventFeed(Protocol):
    """Where a subscription reads what the bus did not bring: the source's log."""

    @property
    def source(self) -> str:
        """The log's name, as in `Envelope.source`."""

    def read(self, after: int, limit: int) -> list[Envelope]:
        """At most `limit` entries behind position `after`, in order, without holes."""

    def head(self) -> int:
        """The position of the newest entry, 0 if there is none."""


@attrs.frozen
class Entry:
    """A published event before it has a position. `data` is its JSON."""

    type: str
    key: str
    data: bytes
    traceparent: str | None


class EventLog:
    """The log of one context in that context's own database; its own feed as well."""

    def __init__(self, database: Database, source: str) -> None:
        self._database = database
        self._source = source

    @property
    def source(self) -> str:
        return self._source

    def append(
        self, connection: Connection, entries: Sequence[Entry], time_us: int
    ) -> int:
        """Append within the caller's transaction; answer the head before it."""
        head = head_of(connection)
        if entries:
            rows = [
                {
                    "position": position,
                    "id": str(uuid7()),
                    "type": entry.type,
                    "key": entry.key,
                    "time_us": time_us,
                    "traceparent": entry.traceparent,
                    "data": entry.data,
                }
                for position, entry in enumerate(entries, start=head + 1)
            ]
            _APPEND.write_all(connection, rows)
        return head

    def read(self, after: int, limit: int) -> list[Envelope]:
        source = self._source
        with self._database.reading() as connection:
            rows = _READ.rows(connection, {"after": after, "limit": limit})
        return [
            Envelope(position, id_, source, type_, key, time_us, traceparent, data)
            for position, id_, type_, key, time_us, traceparent, data in rows
        ]

    def head(self) -> int:
        with self._database.reading() as connection:
            return head_of(connection)


def head_of(connection: Connection) -> int:
    row = _HEAD.row(connection, {})
    return row[0] if row else 0
