"""The append-only log of one context's published events, the source of truth.

Positions are 1, 2, 3, … without holes, except after a compaction (law 2).
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
_AT = LOG.c.position == sa.bindparam("at")
_ID_AT = Prepared(sa.select(LOG.c.position, LOG.c.id).where(_AT))
# One statement: all of it is of the same moment.
_MARK = Prepared(
    sa.select(
        sa.select(IDENTITY.c.log).scalar_subquery(),
        sa.select(sa.func.coalesce(sa.func.max(LOG.c.position), 0)).scalar_subquery(),
        sa.select(LOG.c.id).where(_AT).scalar_subquery(),
        sa.select(_COMPACTED.c.digest)
        .where(_COMPACTED.c.position == sa.bindparam("at"))
        .scalar_subquery(),
    )
)


@attrs.frozen
class Mark:
    """What identifies a log and its history: its identity and its head.

    `digest` is `identity.digest_of` the id of the event at the position asked for, None
    if there is none.
    """

    log: str
    head: int
    digest: bytes | None


class EventFeed(Protocol):
    """A source's log, where subscriptions read what the bus did not bring."""

    @property
    def source(self) -> str:
        """The log's name, as in `Envelope.source`."""

    def read(self, after: int, limit: int) -> list[Envelope]:
        """At most `limit` entries after position `after`, in order.

        Each names its `previous` one, except the first if its predecessor was deleted.
        """

    def head(self) -> int:
        """The position of the newest entry, 0 if there is none."""

    def mark(self, position: int) -> Mark:
        """The identity of the log, and the digest of the event at `position`."""

    def keys(self) -> LogKeys:
        """The keys that seal its envelopes."""


class EventLog:
    """The log of one context, in that context's database; also its feed."""

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
        """After a commit: give positions to all that is committed; return the head.

        The head is as of `appended`, if that is known, or a later one.
        """
        if appended is not None and appended.head is not None:
            return appended.head
        return self._positions.settle()

    def was_committed(self, appended: Appended) -> bool | None:
        """Whether `appended` was committed; None while its transaction is open."""
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
            row = _MARK.row(connection, {"at": position})
        log, head, id_, digest = row or (None, 0, None, None)
        return Mark(log or "", head, digest_of(id_) if id_ else digest)

    def keys(self) -> LogKeys:
        with self.database.reading() as connection:
            return keys_of(connection)


def ids_at(connection: Connection, positions: Sequence[int]) -> list[tuple[int, str]]:
    """Position and id of those `positions` that are in the log."""
    if len(positions) == 1:
        rows = _ID_AT.rows(connection, {"at": positions[0]})
    else:
        there = sa.select(LOG.c.position, LOG.c.id).where(LOG.c.position.in_(positions))
        rows = [tuple(row) for row in connection.execute(there)]
    return [(position, id_) for position, id_ in rows]
