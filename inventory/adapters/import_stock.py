"""Books the counts and receipts of a file, each row once, however often it comes."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

import attrs

from inventory.adapters.file_rows import book, is_booked
from inventory.adapters.services import InventoryServices, SqlInventoryUnitOfWork
from inventory.adapters.stock_rows import (
    COUNT_COLUMNS,
    RECEIPT_COLUMNS,
    GivenCount,
    GivenReceipt,
    count_from,
    receipt_from,
)
from inventory.application.commands import CountStock, ReceiveStock, SetReorderPoint
from inventory.application.handlers import (
    count_stock,
    receive_stock,
    set_reorder_point,
)
from inventory.domain.errors import DeliveryAlreadyReceived
from inventory.domain.value_objects import CountedBy, Reason
from shared_kernel.clock import to_us
from shared_kernel.domain.errors import DomainError
from shared_kernel.files.columns import Columns
from shared_kernel.files.outcomes import Outcome, Refused
from shared_kernel.files.remarks import Remarks
from shared_kernel.files.row_file import Row

Given = TypeVar("Given", GivenCount, GivenReceipt)
Book = Callable[[Given, SqlInventoryUnitOfWork], Outcome]


class CountedSoFar:
    """The SKUs that a file has counted, on disk if there are many."""

    def __init__(self) -> None:
        # SQLite's own temporary file: it spills what does not fit in its cache.
        self._rows = sqlite3.connect("", isolation_level=None)
        self._rows.execute(
            "CREATE TABLE counted (sku TEXT PRIMARY KEY, row INTEGER) WITHOUT ROWID"
        )
        self._rows.execute("BEGIN")

    def first(self, given: GivenCount) -> int:
        """The row that counts the SKU first, which may be this one."""
        self._rows.execute(
            "INSERT INTO counted VALUES (?, ?) ON CONFLICT DO NOTHING",
            (given.sku.code, given.row),
        )
        [[row]] = self._rows.execute(
            "SELECT row FROM counted WHERE sku = ?", (given.sku.code,)
        ).fetchall()
        return int(row)

    def close(self) -> None:
        self._rows.close()


@attrs.frozen
class ImportCounts:
    """Each row is a stocktake of one SKU: a SKU is counted once in a file."""

    services: InventoryServices
    file: str
    reason: Reason
    counted_by: CountedBy | None
    so_far: CountedSoFar
    columns: Columns = COUNT_COLUMNS
    subject: str = "sku"
    done: str = "counted"
    remarks: Remarks = attrs.field(factory=Remarks)

    def apply(self, rows: Sequence[Row]) -> list[Outcome | Refused]:
        read = [self._read(row) for row in rows]
        return _booked(self.services, self.file, rows, read, self._count)

    def wait_until_visible(self, timeout_s: float) -> None:
        _wait_until_visible(self.services, timeout_s)

    def _read(self, row: Row) -> GivenCount | Refused:
        given = count_from(row)
        if isinstance(given, Refused):
            return given
        first = self.so_far.first(given)
        if first == row.number:
            return given
        return Refused(
            f"{given.sku} is counted in row {first} already; give one row with the sum",
            row,
        )

    def _count(self, given: GivenCount, work: SqlInventoryUnitOfWork) -> Outcome:
        count = CountStock(
            sku=given.sku,
            counted=given.counted,
            reason=self.reason,
            counted_by=self.counted_by,
            at=self.services.clock(),
        )
        count_stock(count, work)
        if given.reorder_point is not None:
            point = SetReorderPoint(sku=given.sku, reorder_point=given.reorder_point)
            set_reorder_point(point, work)
        return Outcome.DONE


@attrs.frozen
class ImportReceipts:
    """A delivery that came before, in whatever file, is skipped by its reference."""

    services: InventoryServices
    file: str
    columns: Columns = RECEIPT_COLUMNS
    subject: str = "sku"
    done: str = "received"
    remarks: Remarks = attrs.field(factory=Remarks)

    def apply(self, rows: Sequence[Row]) -> list[Outcome | Refused]:
        read = [receipt_from(row) for row in rows]
        return _booked(self.services, self.file, rows, read, self._receive)

    def wait_until_visible(self, timeout_s: float) -> None:
        _wait_until_visible(self.services, timeout_s)

    def _receive(self, given: GivenReceipt, work: SqlInventoryUnitOfWork) -> Outcome:
        receipt = ReceiveStock(
            sku=given.sku,
            quantity=given.quantity,
            reference=given.reference,
            at=self.services.clock(),
        )
        try:
            receive_stock(receipt, work)
        except DeliveryAlreadyReceived as refusal:
            if refusal.pieces != given.quantity.pieces:
                raise
            return Outcome.SKIPPED
        return Outcome.DONE


def _booked(
    services: InventoryServices,
    file: str,
    rows: Sequence[Row],
    read: Sequence[Given | Refused],
    execute: Book[Given],
) -> list[Outcome | Refused]:
    """Book the rows that are not booked yet, in one commit."""
    outcomes: dict[int, Outcome] = {}

    def once(given: Given, work: SqlInventoryUnitOfWork) -> None:
        outcomes[given.row] = Outcome.SKIPPED
        if not is_booked(work.connection, file, given.row):
            outcomes[given.row] = execute(given, work)
            book(work.connection, file, given.row, to_us(services.clock()))

    given = [each for each in read if not isinstance(each, Refused)]
    answers = iter(services.writer.execute_all(once, given))
    return [
        each if isinstance(each, Refused) else _outcome(row, next(answers), outcomes)
        for row, each in zip(rows, read, strict=True)
    ]


def _outcome(
    row: Row, answer: object, outcomes: dict[int, Outcome]
) -> Outcome | Refused:
    if isinstance(answer, DomainError):
        return Refused(str(answer), row)
    return outcomes[row.number]


def _wait_until_visible(services: InventoryServices, timeout_s: float) -> None:
    log = services.log
    services.movements.wait_for({log.source: log.head()}, timeout_s)
