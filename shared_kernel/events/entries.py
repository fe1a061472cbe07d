"""The event log's table, and an entry before it has a position."""

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.storage.prepared import Prepared

POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def event_log_table(metadata: sa.MetaData) -> sa.Table:
    """The table on SQLite. On PostgreSQL the primary key is a column `written`."""
    return sa.Table(
        "event_log",
        metadata,
        sa.Column("position", POSITION, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("time_us", sa.BigInteger, nullable=False),
        sa.Column("traceparent", sa.Text),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )


LOG = event_log_table(sa.MetaData())
_HEAD = Prepared(sa.select(sa.func.coalesce(sa.func.max(LOG.c.position), 0)))


@attrs.frozen
class Entry:
    """A published event before it has a position. `data` is its JSON."""

    type: str
    key: str
    data: bytes
    traceparent: str | None


def head_of(connection: Connection) -> int:
    """The position of the newest entry, 0 if there is none."""
    row = _HEAD.row(connection, {})
    return row[0] if row else 0
