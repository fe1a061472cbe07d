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
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

Values = Mapping[str, Any]
Row = tuple[Any, ...]
Bind = Callable[[Values], Any]
"""From values by name to what the driver takes."""


class one_of(sa.ColumnElement[bool]):  # noqa: N801 - reads as SQL does
    """`column` is among the members of the JSON array of texts bound to `name`.

    One variable, however many members: a statement that needs compiling only once.
    """

    inherit_cache = False

    def __init__(self, column: sa.ColumnElement[Any], name: str) -> None:
        self.column = column
        self.members = sa.bindparam(name, type_=sa.Text)


@compiles(one_of, "sqlite")
def _one_of_sqlite(element: one_of, compiler: SQLCompiler, **options: Any) -> str:
    column = compiler.process(element.column, **options)
    members = compiler.process(element.members, **options)
    return f"{column} IN (SELECT value FROM json_each({members}))"  # noqa: S608


@compiles(one_of, "postgresql")
def _one_of_postgresql(element: one_of, compiler: SQLCompiler, **options: Any) -> str:
    # An array, and no join: so the index is used, whatever the statistics say.
    column = compiler.process(element.column, **options)
    members = compiler.process(element.members, **options)
    texts = f"SELECT jsonb_array_elements_text(CAST({members} AS jsonb))"
    return f"{column} = ANY (ARRAY({texts}))"


class holds(sa.ColumnElement[bool]):  # noqa: N801 - reads as SQL does
    """The text in `column` has the text bound to `name` in it."""

    inherit_cache = False

    def __init__(self, column: sa.ColumnElement[Any], name: str) -> None:
        self.column = column
        self.part = sa.bindparam(name, type_=sa.Text)


@compiles(holds, "sqlite")
@compiles(holds, "postgresql")
def _holds(element: holds, compiler: SQLCompiler, **options: Any) -> str:
    function = "strpos" if compiler.dialect.name == "postgresql" else "instr"
    column = compiler.process(element.column, **options)
    return f"{function}({column}, {compiler.process(element.part, **options)}) > 0"


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
        self._compiled: dict[str, tuple[str, Bind]] = {}

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
        if len(rows) == 1:
            return self.write(connection, rows[0])
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

    def _for(self, dialect: Dialect, values: Values) -> tuple[str, Bind]:
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
            bind = (
                _by_place(compiled.positiontup or [], given)
                if dialect.positional
                else _by_name(given)
            )
            known = (str(compiled), bind)
            self._compiled[dialect.name] = known
        return known

    def _columns(self, values: Values) -> list[str] | None:
        return (
            list(values) if isinstance(self._statement, sa.Insert | sa.Update) else None
        )


def _by_name(given: Values) -> Bind:
    """`given` are those that stand in the statement itself."""
    return (lambda values: {**given, **values}) if given else lambda values: values


def _by_place(names: Sequence[str], given: Values) -> Bind:
    """Values in the order of the statement's variables."""
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
