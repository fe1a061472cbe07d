"""One statement for many rows, compiled once and handed to the driver.

SQLAlchemy compiles and caches a statement by itself, but prepares the parameters of each
row anew; behind a request, where rows come by the hundred, that is half of the cost.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

Row = Mapping[str, Any]


class Bulk:
    """`statement` is an insert, update or delete whose values are bound by name.

    Values reach the driver as they are, without SQLAlchemy's conversion: strings, whole
    numbers, bytes, booleans and None only.
    """

    def __init__(self, statement: sa.Insert | sa.Update | sa.Delete) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, Callable[[Row], Any]]] = {}

    def execute(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Execute for each of `rows`, which have the same names; answer how many rows
        the database says were written. No rows, no statement."""
        if not rows:
            return 0
        sql, values = self._for(connection, rows[0])
        return connection.exec_driver_sql(sql, list(map(values, rows))).rowcount

    def _for(
        self, connection: Connection, row: Row
    ) -> tuple[str, Callable[[Row], Any]]:
        dialect = connection.dialect
        if dialect.name not in self._compiled:
            compiled = self._statement.compile(dialect=dialect, column_keys=list(row))
            names = compiled.positiontup or []
            values = (
                itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)
            )
            self._compiled[dialect.name] = (str(compiled), values)
        return self._compiled[dialect.name]
