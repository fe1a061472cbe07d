"""Registers the products of a file: rows to commands, refusals to reasons."""

from collections.abc import Callable, Sequence

import attrs
from sqlalchemy.engine import Connection

from catalog.adapters.importing import (
    Became,
    Imported,
    RegisteredDifferently,
    Versions,
    import_or_update_product,
    import_product,
)
from catalog.adapters.product_rows import (
    AS_WRITTEN,
    COLUMNS,
    GivenProduct,
    Prices,
    key_of,
    product_from,
)
from catalog.adapters.services import CommandServices, SqlCatalogUnitOfWork
from shared_kernel.domain.errors import DomainError
from shared_kernel.events.writer import Writer
from shared_kernel.files.columns import Columns
from shared_kernel.files.outcomes import Outcome, Refused
from shared_kernel.files.remarks import Remarks
from shared_kernel.files.row_file import Row
from shared_kernel.files.values import may_be_a_spreadsheets

Outcomes = list[Outcome | Refused]
Record = Callable[[Connection, Sequence[Outcome | Refused]], None]

_OUTCOMES = {
    Became.REGISTERED: Outcome.DONE,
    Became.UPDATED: Outcome.UPDATED,
    Became.UNCHANGED: Outcome.SKIPPED,
}
COUNT_NOT_USED = (
    "registered already, so stock_count is not used (counts come by "
    "`inventory import-counts`)"
)
SHORTENED = (
    "SKUs that a spreadsheet may have made of long numbers, registered as they stand"
)
UPDATE = "registered differently; the option update makes it as the file says"


@attrs.frozen
class ImportProducts:
    """Skips a product that is registered unchanged: so a file can be imported again.

    With `update` one that is registered differently becomes as the file says. The
    opening stock is not compared: the catalog only passes it on.
    """

    services: CommandServices
    prices: Prices = AS_WRITTEN
    update: bool = False
    columns: Columns = COLUMNS
    subject: str = "sku"
    done: str = "registered"
    remarks: Remarks = attrs.field(factory=Remarks)

    def apply(self, rows: Sequence[Row]) -> Outcomes:
        chunk = RowImport(rows, self.prices, self.update)
        outcomes = chunk.run(self.services.writer)
        chunk.remark_on(rows, self.remarks)
        return outcomes

    def wait_until_visible(self, timeout_s: float) -> None:
        log = self.services.log
        self.services.listing.wait_for({log.source: log.head()}, timeout_s)


@attrs.define(eq=False)
class RowImport:
    """The import of `rows` in one commit.

    With `versions`, those of the products when the file was sent, an update changes
    nothing that others have changed since.
    """

    rows: Sequence[Row]
    prices: Prices = AS_WRITTEN
    update: bool = False
    versions: Versions | None = None
    _read: Sequence[GivenProduct | Refused] = attrs.field(init=False)
    # By row, of those that were not refused.
    _imported: dict[int, Imported] = attrs.field(factory=dict, init=False)
    _refusals: dict[int, DomainError] = attrs.field(factory=dict, init=False)
    _work: SqlCatalogUnitOfWork | None = attrs.field(default=None, init=False)
    # By folded SKU, after the rows so far, in the transaction of `_work`.
    _now: dict[str, int] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._read = [product_from(row, self.prices) for row in self.rows]

    def run(
        self, writer: Writer[SqlCatalogUnitOfWork], record: Record | None = None
    ) -> Outcomes:
        """Return an outcome for each row.

        `record` may write the outcomes in the same transaction, or raise to undo it.
        """
        given = [each for each in self._read if isinstance(each, GivenProduct)]
        if record is None:
            return self._outcomes(given, writer.execute_all(self._import, given))
        recording = record
        answers = writer.execute_all(
            self._import,
            given,
            lambda connection, errors: recording(
                connection, self._outcomes(given, errors)
            ),
        )
        return self._outcomes(given, answers)

    def remark_on(self, rows: Sequence[Row], remarks: Remarks) -> None:
        """What is to be said of some of the rows, after the run."""
        wanted = {row.number for row in rows}
        for product in self._read:
            if isinstance(product, Refused) or product.row not in wanted:
                continue
            refusal = self._refusals.get(product.row)
            if isinstance(refusal, RegisteredDifferently):
                remarks.add(UPDATE, product.row)
            if refusal is not None:
                continue
            if self._imported[product.row].became is not Became.REGISTERED:
                if product.opening_stock is not None:
                    remarks.add(COUNT_NOT_USED, product.row)
            elif may_be_a_spreadsheets(product.sku.code):
                remarks.add(SHORTENED, product.row)

    def differences(self, row: Row) -> tuple[str, ...]:
        """What an update has changed."""
        imported = self._imported.get(row.number)
        return () if imported is None else imported.differences

    def version(self, row: Row) -> int:
        """That of the row's product, after the rows; 0 if it is not registered."""
        return self._now.get(key_of(row), 0)

    def _import(self, product: GivenProduct, work: SqlCatalogUnitOfWork) -> None:
        if self.versions is not None:
            self._import_unless_changed(product, work, self.versions)
            return
        imports = import_or_update_product if self.update else import_product
        self._imported[product.row] = imports(product, work)

    def _import_unless_changed(
        self, product: GivenProduct, work: SqlCatalogUnitOfWork, versions: Versions
    ) -> None:
        if work is not self._work:
            # An earlier attempt was rolled back.
            self._work, self._now = work, dict(versions)
        imported = import_or_update_product(product, work, self._now)
        self._imported[product.row] = imported
        if imported.became is not Became.UNCHANGED:
            self._now[product.sku.folded] = work.products.get(product.sku).version

    def _outcomes(
        self, given: Sequence[GivenProduct], answers: Sequence[object]
    ) -> Outcomes:
        self._refusals = {
            product.row: answer
            for product, answer in zip(given, answers, strict=True)
            if isinstance(answer, DomainError)
        }
        return [
            each if isinstance(each, Refused) else self._outcome(row)
            for row, each in zip(self.rows, self._read, strict=True)
        ]

    def _outcome(self, row: Row) -> Outcome | Refused:
        if refusal := self._refusals.get(row.number):
            return Refused(str(refusal), row)
        return _OUTCOMES[self._imported[row.number].became]
