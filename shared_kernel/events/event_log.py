"""The append-only log of what one context published: the truth that buses hurry along.

Positions are 1, 2, 3, … without holes, but for what a compaction took away (law 2).
"""

from collections.abc import Sequence
from typing import Protocol

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope
from shared_kernel.events.entries import LOG, Entry, head_of
from shared_kernel.events.identity import (
    IDENTITY,
    LogKeys,
    compacted_table,
    digest_of,
    keys_of,
    log_of,
)
from shared_kernel.events.positions import Appended, positions_of
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared

_COMPACTED = compacted_table(sa.MetaData())
_READ = Prepared(
    sa.select(
        LOG.c.position,
        LOG.c.id,
        LOG.c.type,
        LOG.c.key,
        LOG.c.time_us,
        LOG.c.traceparent,
        LOG.c.data,
        sa.select(IDENTITY.c.log).scalar_subquery(),
    )
    .where(LOG.c.position >= sa.bindparam("from"))
    .order_by(LOG.c.position)
    .limit(sa.bindparam("limit"))
)
_ID_AT = Prepared(
    sa.select(LOG.c.position, LOG.c.id).where(LOG.c.position == sa.bindparam("at"))
)
_DIGEST_AT = Prepared(
    sa.select(_COMPACTED.c.digest).where(_COMPACTED.c.position == sa.bindparam("at"))
)


@attrs.frozen
class Mark:
    """What tells a log from another, and from what it was: its identity and its head.

    `digest` is what `identity.digest_of` makes of the id of the event at the position
    that was asked for: None if there is none.
    """

    log: str
    head: int
    digest: bytes | None


class EventFeed(Protocol):
    """Where a subscription reads what the bus did not bring: the source's log."""

    @property
    def source(self) -> str:
        """The log's name, as in `Envelope.source`."""

    def read(self, after: int, limit: int) -> list[Envelope]:
        """At most `limit` entries behind position `after`, in order.

        Each names its `previous` one, but for the first if that is not there any more.
        """

    def head(self) -> int:
        """The position of the newest entry, 0 if there is none."""

    def mark(self, position: int) -> Mark:
        """Of which log this is, and of the event at `position`."""

    def keys(self) -> LogKeys:
        """What its envelopes are sealed with."""


class EventLog:
    """The log of one context in that context's own database; its own feed as well."""

    def __init__(self, database: Database, source: str) -> None:
        self.database = database
        self._source = source
        self._positions = positions_of(database)

    @property
    def source(self) -> str:
        return self._source

    @property
    def announces(self) -> bool:
        """Whether other processes are notified of what is appended."""
        return not self.database.one_writer

    def append(
        self, connection: Connection, entries: Sequence[Entry], time_us: int
    ) -> Appended:
        """Write `entries` in the caller's transaction (law 1)."""
        return self._positions.append(connection, entries, time_us)

    def settle(self, appended: Appended | None = None) -> int:
        """After a commit: all that is committed has a position; answer the head.

        That is the head as of `appended`, if it is known, or a later one.
        """
        if appended is not None and appended.head is not None:
            return appended.head
        return self._positions.settle()

    def was_committed(self, appended: Appended) -> bool | None:
        """Of a transaction whose connection broke; None while that is still open."""
        return self._positions.was_committed(appended)

    def read(self, after: int, limit: int) -> list[Envelope]:
        source = self._source
        with self.database.reading() as connection:
            asked = {"from": after, "limit": limit + 1}
            rows = _READ.rows(connection, asked)
        batch, before = [], ""
        for position, id_, type_, key, time_us, trace, data, log in rows:
            if position > after:
                batch.append(
                    Envelope(
                        position, id_, source, type_, key, time_us, trace, data, log,
                        before,
                    )
                )  # fmt: skip
            before = id_
        return batch[:limit]

    def head(self) -> int:
        with self.database.reading() as connection:
            return head_of(connection)

    def mark(self, position: int) -> Mark:
        with self.database.reading() as connection:
            log, head = log_of(connection), head_of(connection)
            for _, id_ in ids_at(connection, [position]):
                return Mark(log, head, digest_of(id_))
            row = _DIGEST_AT.row(connection, {"at": position})
        return Mark(log, head, row[0] if row else None)

    def keys(self) -> LogKeys:
        with self.database.reading() as connection:
            return keys_of(connection)


def ids_at(connection: Connection, positions: Sequence[int]) -> list[tuple[int, str]]:
    """Of those `positions` that stand in the log, the position and the id."""
    if len(positions) == 1:
        rows = _ID_AT.rows(connection, {"at": positions[0]})
    else:
        there = sa.select(LOG.c.position, LOG.c.id).where(LOG.c.position.in_(positions))
        rows = [tuple(row) for row in connection.execute(there)]
    return [(position, id_) for position, id_ in rows]
