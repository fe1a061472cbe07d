"""An import that is rolled back: the same path, row by row, and nothing is kept."""

import json
import sqlite3
from collections.abc import Sequence
from typing import NoReturn

import attrs
from sqlalchemy.engine import Connection

from catalog.adapters.import_products import Outcomes, RowImport
from catalog.adapters.product_rows import AS_WRITTEN, COLUMNS, Prices, key_of
from catalog.adapters.services import CommandServices, SqlCatalogUnitOfWork
from shared_kernel.events.writer import Writer
from shared_kernel.files.columns import Columns
from shared_kernel.files.remarks import Remarks
from shared_kernel.files.row_file import Row
from shared_kernel.files.run import Outcome, Refused


class _RolledBackError(Exception):
    """Undoes the transaction; carries what became of its rows."""

    def __init__(self, outcomes: Sequence[Outcome | Refused]) -> None:
        super().__init__()
        self.outcomes = outcomes


class EarlierRows:
    """The rows that a real import would have done, on disk if there are many."""

    def __init__(self) -> None:
        # SQLite's own temporary file: it spills what does not fit in its cache.
        self._rows = sqlite3.connect("", isolation_level=None)
        self._rows.execute("CREATE TABLE done (key TEXT, number INTEGER, row TEXT)")
        self._rows.execute("CREATE INDEX done_by_key ON done (key)")
        self._rows.execute("BEGIN")

    def add(self, row: Row) -> None:
        self._rows.execute(
            "INSERT INTO done VALUES (?, ?, ?)",
            (key_of(row), row.number, json.dumps(dict(row.values))),
        )

    def like(self, rows: Sequence[Row]) -> list[Row]:
        """Those of the same products, in the order of the file."""
        found = self._rows.execute(
            "SELECT number, row FROM done WHERE key IN"
            " (SELECT value FROM json_each(?)) ORDER BY number",
            (json.dumps(list(map(key_of, rows))),),
        )
        return [Row(number, json.loads(values)) for number, values in found]

    def close(self) -> None:
        self._rows.close()


@attrs.frozen
class DryRun:
    """Each chunk is imported and rolled back, behind the earlier rows it depends on.

    Those are the earlier rows of the same products. So a chunk comes out as in a real
    import, and others wait no longer for the database than beside one.
    """

    services: CommandServices
    earlier: EarlierRows
    prices: Prices = AS_WRITTEN
    update: bool = False
    columns: Columns = COLUMNS
    subject: str = "sku"
    done: str = "would be registered"
    remarks: Remarks = attrs.field(factory=Remarks)

    def apply(self, rows: Sequence[Row]) -> Outcomes:
        before = self.earlier.like(rows)
        chunk = RowImport([*before, *rows], self.prices, self.update)
        outcomes = rolled_back(chunk, self.services.writer)[len(before) :]
        chunk.remark_on(rows, self.remarks)
        for row, outcome in zip(rows, outcomes, strict=True):
            if outcome in (Outcome.DONE, Outcome.UPDATED):
                self.earlier.add(row)
        return outcomes

    def wait_until_visible(self, timeout_s: float) -> None:
        """Nothing has changed."""


def rolled_back(chunk: RowImport, writer: Writer[SqlCatalogUnitOfWork]) -> Outcomes:
    """What an import of `chunk` would do: it is done, and undone."""
    try:
        chunk.run(writer, _roll_back)
    except _RolledBackError as undone:
        return list(undone.outcomes)
    raise AssertionError("a dry run was committed")


def _roll_back(_: Connection, outcomes: Sequence[Outcome | Refused]) -> NoReturn:
    raise _RolledBackError(outcomes)
