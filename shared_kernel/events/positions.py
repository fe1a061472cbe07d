"""How entries get their positions (law 2).

SQLite has one writer, so the insert gives positions: no other transaction appends
before it has ended.

PostgreSQL has many. Numbers taken within concurrent transactions would become visible
out of order, and a reader would skip the late ones. So an entry is committed without a
position, and the next caller gives positions to all committed entries, in one statement
under one lock: `give_positions()`, a function of the database.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DataError
from uuid_utils import uuid7

from shared_kernel.events.entries import LOG, Entry, head_of
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared

_INSERT = Prepared(sa.insert(LOG))
# One statement for all entries; `written` numbers them in their order.
_WRITE = Prepared(
    sa.text(
        "INSERT INTO event_log (id, type, key, time_us, traceparent, data)"
        " SELECT id, type, key, :time_us, traceparent, data FROM unnest("
        "CAST(:ids AS text[]), CAST(:types AS text[]), CAST(:keys AS text[]),"
        " CAST(:traceparents AS text[]), CAST(:data AS bytea[]))"
        " WITH ORDINALITY AS entry (id, type, key, traceparent, data, number)"
        " ORDER BY number"
        " RETURNING written, CAST(pg_current_xact_id() AS text)"
    )
)
_SETTLE = Prepared(sa.text("SELECT give_positions()"))
_STATUS = Prepared(sa.text("SELECT pg_xact_status(CAST(:transaction AS xid8))"))
_WRITTEN = Prepared(sa.text("SELECT id FROM event_log WHERE written = :written"))


@attrs.frozen
class Receipt:
    """Finds out after a broken connection whether its transaction was committed.

    It has the `id` of the first entry, the number under which that was `written`, and
    the number of the transaction.
    """

    id: str
    written: int
    transaction: str


@attrs.frozen(eq=False)
class Appended:
    """`count` entries, in one transaction that is not committed yet.

    `head` is the log's head after it, if the insert gave positions.
    """

    count: int
    head: int | None = None
    receipt: Receipt | None = None


class Positions(Protocol):
    """Gives entries their positions in the log of one database."""

    def append(
        self, connection: Connection, entries: Sequence[Entry], time_us: int
    ) -> Appended:
        """Write `entries` in the caller's transaction."""

    def settle(self) -> int:
        """Give positions to all that is committed; return the head."""

    def was_committed(self, appended: Appended) -> bool | None:
        """Whether `appended` was committed; None while its transaction is open."""


def positions_of(database: Database) -> Positions:
    return ByInsert(database) if database.one_writer else AfterCommit(database)


@attrs.frozen
class ByInsert:
    """For a database with one write transaction at a time."""

    database: Database

    def append(
        self, connection: Connection, entries: Sequence[Entry], time_us: int
    ) -> Appended:
        head = head_of(connection)
        rows = [
            _row(entry, time_us, position)
            for position, entry in enumerate(entries, start=head + 1)
        ]
        _INSERT.write_all(connection, rows)
        return Appended(len(rows), head + len(rows))

    def settle(self) -> int:
        with self.database.reading() as connection:
            return head_of(connection)

    def was_committed(self, appended: Appended) -> bool | None:
        raise NotImplementedError("a file does not hang up")


@attrs.frozen
class AfterCommit:
    """For a database with concurrent write transactions."""

    database: Database

    def append(
        self, connection: Connection, entries: Sequence[Entry], time_us: int
    ) -> Appended:
        if not entries:
            return Appended(0)
        rows = [_row(entry, time_us) for entry in entries]
        columns = {
            "ids": "id",
            "types": "type",
            "keys": "key",
            "traceparents": "traceparent",
            "data": "data",
        }
        values: dict[str, Any] = {
            name: [row[column] for row in rows] for name, column in columns.items()
        }
        written = _WRITE.rows(connection, values | {"time_us": time_us})
        first, transaction = written[0]
        return Appended(
            len(rows), receipt=Receipt(str(rows[0]["id"]), first, transaction)
        )

    def settle(self) -> int:
        with self.database.reading() as connection:
            (head,) = _SETTLE.row(connection, {}) or (0,)
        return int(head)

    def was_committed(self, appended: Appended) -> bool | None:
        receipt = appended.receipt
        if receipt is None:
            return False
        with self.database.reading() as connection:
            if self._is_open(connection, receipt):
                return None
            # The number alone may mean another transaction after a crash.
            row = _WRITTEN.row(connection, {"written": receipt.written})
        return row is not None and row[0] == receipt.id

    def _is_open(self, connection: Connection, receipt: Receipt) -> bool:
        try:
            row = _STATUS.row(connection, {"transaction": receipt.transaction})
        except DataError:
            # A transaction number in the future: the server forgot it in a crash.
            return False
        return row is not None and row[0] == "in progress"


def _row(entry: Entry, time_us: int, position: int | None = None) -> dict[str, object]:
    return {
        "position": position,
        "id": str(uuid7()),
        "type": entry.type,
        "key": entry.key,
        "time_us": time_us,
        "traceparent": entry.traceparent,
        "data": entry.data,
    }
