"""Changes of rows on SQLite: temporary triggers call a function of ours.

The function belongs to the connection and stays; without the triggers nobody calls it.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy.engine import Connection

from shared_kernel.storage.row_changes import (
    RECORDED,
    RowChange,
    WatchedTable,
    changes_of,
    in_all,
    savepoint,
)

_FUNCTION = "storehouse_row_changed"
# Not the shadow tables of virtual tables: their contents mean nothing to people.
_COLUMNS = (
    'SELECT "table".name, "column".name, "column".pk FROM pragma_table_list AS "table"'
    ' JOIN pragma_table_xinfo("table".name) AS "column"'
    " WHERE \"table\".schema = 'main' AND \"table\".type = 'table'"
    ' AND "table".name NOT LIKE \'sqlite_%\' AND "column".hidden = 0'
)


class SqliteRowChanges:
    def __init__(self, connection: Connection, tables: list[WatchedTable]) -> None:
        self._connection = connection
        self._tables = tables
        # Of each row: the table's index, the operation, and values.
        self._recorded = _recorded(connection)
        self._recorded.clear()
        for index, table in enumerate(tables):
            for statement in _triggers(index, table):
                connection.exec_driver_sql(statement)

    def savepoint(self) -> AbstractContextManager[None]:
        return savepoint(self._connection)

    def taken(self) -> list[RowChange]:
        recorded = self._recorded[:]
        self._recorded.clear()
        return in_all(
            change
            for index, operation, *values in recorded
            for change in _read(self._tables[index], operation, values)
        )


@contextmanager
def watched(
    connection: Connection, besides: Collection[str]
) -> Iterator[SqliteRowChanges]:
    changes = SqliteRowChanges(connection, _tables(connection, besides))
    try:
        yield changes
    finally:
        _recorded(connection).clear()


def _recorded(connection: Connection) -> list[tuple[Any, ...]]:
    recorded: list[tuple[Any, ...]] | None = connection.info.get(RECORDED)
    if recorded is None:
        recorded = connection.info[RECORDED] = []
        driver: Any = connection.connection.driver_connection
        driver.create_function(_FUNCTION, -1, _recording(recorded))
    return recorded


def _recording(recorded: list[tuple[Any, ...]]) -> Callable[..., None]:
    def record(*values: Any) -> None:
        recorded.append(values)

    return record


def _tables(connection: Connection, besides: Collection[str]) -> list[WatchedTable]:
    columns: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for table, column, key in connection.exec_driver_sql(_COLUMNS):
        columns[table].append((column, key))
    return [
        WatchedTable(
            name,
            tuple(column for column, _ in those),
            tuple(c for c, key in sorted(those, key=lambda each: each[1]) if key),
        )
        for name, those in columns.items()
        if name not in besides
    ]


def _triggers(index: int, table: WatchedTable) -> Iterator[str]:
    old = ", ".join(f"OLD.{_quoted(column)}" for column in table.columns)
    new = ", ".join(f"NEW.{_quoted(column)}" for column in table.columns)
    values = {"INSERT": new, "UPDATE": f"{old}, {new}", "DELETE": old}
    for operation, given in values.items():
        yield (
            f"CREATE TEMP TRIGGER {_FUNCTION}_{index}_{operation}"
            f" AFTER {operation} ON main.{_quoted(table.name)}"
            f" BEGIN SELECT {_FUNCTION}({index}, '{operation}', {given}); END"
        )


def _read(table: WatchedTable, operation: str, values: list[Any]) -> list[RowChange]:
    columns = table.columns
    if operation == "INSERT":
        return changes_of(table, None, dict(zip(columns, values, strict=True)))
    before = dict(zip(columns, values, strict=operation == "DELETE"))
    if operation == "DELETE":
        return changes_of(table, before, None)
    after = dict(zip(columns, values[len(columns) :], strict=True))
    return changes_of(table, before, after)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
