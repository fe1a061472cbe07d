"""An import that is rolled back: the same path, row by row, and nothing is kept."""

from collections.abc import Sequence

import attrs

from catalog.adapters.import_products import Outcomes, RowImport
from catalog.adapters.product_rows import AS_WRITTEN, COLUMNS, Prices
from catalog.adapters.services import CommandServices
from shared_kernel.files.columns import Columns
from shared_kernel.files.dry_run import EarlierRows
from shared_kernel.files.outcomes import Outcome
from shared_kernel.files.remarks import Remarks
from shared_kernel.files.row_file import Row


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
        outcomes = chunk.run(self.services.writer.dry())[len(before) :]
        chunk.remark_on(rows, self.remarks)
        for row, outcome in zip(rows, outcomes, strict=True):
            if outcome in (Outcome.DONE, Outcome.UPDATED):
                self.earlier.add(row)
        return outcomes

    def wait_until_visible(self, timeout_s: float) -> None:
        """Nothing has changed."""
