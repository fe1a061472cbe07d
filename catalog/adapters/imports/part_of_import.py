"""Some rows of an import, handled as its options say."""

from collections.abc import Callable, Sequence

import attrs
from sqlalchemy.engine import Connection

from catalog.adapters.import_products import RowImport
from catalog.adapters.imports.import_parts import Handled, Part
from catalog.adapters.imports.import_rows import HandledRow
from catalog.adapters.services import SqlCatalogUnitOfWork
from shared_kernel.events.writer import Writer
from shared_kernel.files.outcomes import Outcome, Refused
from shared_kernel.files.remarks import Remarks
from shared_kernel.files.row_file import Row

Record = Callable[[Connection, Handled], None]


@attrs.frozen
class PartOfImport:
    """The first rows of a part."""

    part: Part
    rows: Sequence[Row]

    def run(self, writer: Writer[SqlCatalogUnitOfWork], record: Record) -> None:
        """In one commit, with what `record` writes."""
        chunk = self._chunk(self.rows)
        chunk.run(
            writer,
            lambda connection, outcomes: record(
                connection, self._handled(chunk, outcomes)
            ),
        )

    def rehearsed(
        self, writer: Writer[SqlCatalogUnitOfWork], earlier: Sequence[Row]
    ) -> Handled:
        """The same, rolled back, behind the `earlier` rows it depends on."""
        chunk = self._chunk([*earlier, *self.rows])
        return self._handled(chunk, chunk.run(writer.dry())[len(earlier) :])

    def _chunk(self, rows: Sequence[Row]) -> RowImport:
        options = self.part.options
        return RowImport(rows, options.prices, options.update, self.part.versions)

    def _handled(
        self, chunk: RowImport, outcomes: Sequence[Outcome | Refused]
    ) -> Handled:
        remarks = Remarks()
        chunk.remark_on(self.rows, remarks)
        rows = zip(self.rows, outcomes, strict=True) if self.part.keeps_rows else ()
        return Handled(
            outcomes=outcomes,
            rows=[
                HandledRow(
                    row=row,
                    outcome=outcome,
                    detail=", ".join(chunk.differences(row)),
                    version=chunk.version(row),
                )
                for row, outcome in rows
                if not isinstance(outcome, Refused)
            ],
            remarks=remarks,
        )
