"""Statements of SQLAlchemy Core, compiled once and handed to the driver as they are.

Core caches what it compiles, but wraps each execution in objects of its own: 30-60 µs a
statement and 4 µs a row, measured, where the driver takes 5 µs and 1 µs. A request and
each batch behind it make a dozen of them.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

Values = Mapping[str, Any]
Row = tuple[Any, ...]


def one_of(column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[bool]:
    """`column` is among the members of the JSON array bound to `name`.

    One variable, however many members: a statement that needs compiling only once.
    """
    members = sa.func.json_each(sa.bindparam(name)).table_valued("value")
    return column.in_(sa.select(members.c.value))


class Prepared:
    """`statement` with its values bound by name.

    Values reach the driver, and rows come back, without SQLAlchemy's conversion:
    strings, whole numbers, bytes, booleans (back as 0 and 1) and None only. Errors are
    SQLAlchemy's.
    """

    def __init__(
        self, statement: sa.Select[Any] | sa.UpdateBase | sa.TextClause
    ) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, Callable[[Values], Row]]] = {}

    def rows(self, connection: Connection, values: Values) -> list[Row]:
        """All rows, as tuples."""
        return list(self._execute(connection, values).fetchall())

    def row(self, connection: Connection, values: Values) -> Row | None:
        """The first row, None if there is none."""
        row: Row | None = self._execute(connection, values).fetchone()
        return row

    def write(self, connection: Connection, values: Values) -> int:
        """Answer how many rows were written."""
        return int(self._execute(connection, values).rowcount)

    def write_all(self, connection: Connection, rows: Sequence[Values]) -> int:
        """Execute for each of `rows`; answer how many rows were written in all."""
        if not rows:
            return 0
        sql, bind = self._for(connection.dialect, rows[0])
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(sql, list(map(bind, rows)))
        except connection.dialect.loaded_dbapi.Error as error:
            raise in_terms_of_sqlalchemy(error, sql, connection.dialect) from error
        return int(cursor.rowcount)

    def _execute(self, connection: Connection, values: Values) -> Any:
        sql, bind = self._for(connection.dialect, values)
        cursor = connection.connection.cursor()
        try:
            cursor.execute(sql, bind(values))
        except connection.dialect.loaded_dbapi.Error as error:
            raise in_terms_of_sqlalchemy(error, sql, connection.dialect) from error
        return cursor

    def _for(
        self, dialect: Dialect, values: Values
    ) -> tuple[str, Callable[[Values], Row]]:
        known = self._compiled.get(dialect.name)
        if known is None:
            compiled = self._statement.compile(
                dialect=dialect, column_keys=self._columns(values)
            )
            given = {
                name: bind.value
                for name, bind in compiled.binds.items()
                if not bind.required
            }
            known = (str(compiled), _binder(compiled.positiontup or [], given))
            self._compiled[dialect.name] = known
        return known

    def _columns(self, values: Values) -> list[str] | None:
        return (
            list(values) if isinstance(self._statement, sa.Insert | sa.Update) else None
        )


def _binder(names: Sequence[str], given: Values) -> Callable[[Values], Row]:
    """From values by name to values in the order of the statement's variables.

    `given` are those that stand in the statement itself.
    """
    if not given.keys().isdisjoint(names):
        return lambda values: tuple(
            given[name] if name in given else values[name] for name in names
        )
    if len(names) == 1:
        name = names[0]
        return lambda values: (values[name],)
    return itemgetter(*names) if names else lambda values: ()


def in_terms_of_sqlalchemy(error: Exception, sql: str, dialect: Dialect) -> Exception:
    """The driver's `error` as the one of `sqlalchemy.exc` that has its name."""
    wrapped = sa.exc.DBAPIError.instance(
        sql, None, error, dialect.loaded_dbapi.Error, dialect=dialect
    )
    return cast(Exception, wrapped)
