"""Changes of rows on PostgreSQL: triggers write them to a temporary table.

Making a trigger takes a lock that lets others read the table, but not write it. To take
it, the transaction waits less than PostgreSQL waits before it looks for a deadlock: it
always gives way, and no command is ever cancelled for it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import msgspec
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from shared_kernel.storage.errors import ConcurrentUpdateError, is_lock_timeout
from shared_kernel.storage.row_changes import (
    RowChange,
    Values,
    WatchedTable,
    changes_of,
    in_all,
    savepoint,
)

LOCK_TIMEOUT_MS = 50
"""PostgreSQL's `deadlock_timeout` is 1 s unless set otherwise."""

_COLUMNS = """
SELECT c.relname, a.attname, a.atttypid = 'bytea'::regtype,
       coalesce(array_position(i.indkey::smallint[], a.attnum), -1)
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
ORDER BY c.relname, a.attnum
"""
_TABLE = """
CREATE TEMPORARY TABLE row_changes (
    number bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL, before json, after json
) ON COMMIT DROP
"""
_FUNCTION = """
CREATE FUNCTION pg_temp.record_row_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO pg_temp.row_changes (name, before, after) VALUES (
        TG_TABLE_NAME,
        CASE WHEN TG_OP <> 'INSERT' THEN row_to_json(OLD) END,
        CASE WHEN TG_OP <> 'DELETE' THEN row_to_json(NEW) END
    );
    RETURN NULL;
END $$
"""
_TAKE = (
    "DELETE FROM pg_temp.row_changes RETURNING number, name, before::text, after::text"
)


class PostgresRowChanges:
    def __init__(
        self,
        connection: Connection,
        tables: dict[str, WatchedTable],
        binary: Collection[tuple[str, str]],
    ) -> None:
        self._connection = connection
        self._tables = tables
        self._binary = binary

    def savepoint(self) -> AbstractContextManager[None]:
        return savepoint(self._connection)

    def taken(self) -> list[RowChange]:
        rows = sorted(tuple(row) for row in self._connection.exec_driver_sql(_TAKE))
        return in_all(
            change
            for _, name, before, after in rows
            for change in changes_of(
                self._tables[name], self._row(name, before), self._row(name, after)
            )
        )

    def _row(self, table: str, document: str | None) -> Values | None:
        if document is None:
            return None
        row: dict[str, Any] = msgspec.json.decode(document)
        for column, value in row.items():
            if value is not None and (table, column) in self._binary:
                row[column] = bytes.fromhex(value.removeprefix("\\x"))
        return row


@contextmanager
def watched(
    connection: Connection, besides: Collection[str]
) -> Iterator[PostgresRowChanges]:
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
    tables, binary = _tables(connection, besides)
    names = ", ".join(map(_quoted, tables))
    try:
        connection.exec_driver_sql(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")
    except OperationalError as error:
        if is_lock_timeout(error):
            raise ConcurrentUpdateError("others write to its tables") from error
        raise
    connection.exec_driver_sql(_TABLE)
    connection.exec_driver_sql(_FUNCTION)
    for name in tables:
        connection.exec_driver_sql(
            "CREATE TRIGGER record_row_change AFTER INSERT OR UPDATE OR DELETE"
            f" ON {_quoted(name)}"
            " FOR EACH ROW EXECUTE FUNCTION pg_temp.record_row_change()"
        )
    yield PostgresRowChanges(connection, tables, binary)


def _tables(
    connection: Connection, besides: Collection[str]
) -> tuple[dict[str, WatchedTable], set[tuple[str, str]]]:
    columns: dict[str, list[tuple[str, int]]] = defaultdict(list)
    binary = set()
    for table, column, is_binary, place in connection.exec_driver_sql(_COLUMNS):
        columns[table].append((column, place))
        if is_binary:
            binary.add((table, column))
    tables = {
        name: WatchedTable(
            name,
            tuple(column for column, _ in those),
            tuple(c for c, at in sorted(those, key=lambda each: each[1]) if at >= 0),
        )
        for name, those in columns.items()
        if name not in besides
    }
    return tables, binary


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
