"""Reserves and ships the order lines of a file, one after the other.

`features/inventory/shipping_order_lines.feature` has the rules.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Annotated, Any

import attrs
import msgspec
from sqlalchemy.engine import Connection

from inventory.adapters import shipped_lines
from inventory.adapters.http_bodies import Pieces
from inventory.adapters.line_names import (
    LINE,
    EqualLines,
    LineName,
    content_of,
    given_name,
    has_name,
    made_name,
    named_row,
)
from inventory.adapters.order_dates import date_in
from inventory.adapters.presets import shopify_orders, woocommerce_orders
from inventory.adapters.services import InventoryServices, SqlInventoryUnitOfWork
from inventory.application.commands import ReserveStock, ShipStock
from inventory.application.handlers import reserve_stock, ship_stock
from inventory.domain.errors import OrderAlreadyShipped
from inventory.domain.value_objects import (
    LONGEST_ORDER_REFERENCE,
    OrderReference,
    Quantity,
)
from shared_kernel.clock import to_us
from shared_kernel.documents.schema import Schema
from shared_kernel.domain import foreign_names
from shared_kernel.domain.errors import InvalidValue
from shared_kernel.domain.sku import SKU_SCHEMA, Sku
from shared_kernel.files.columns import Columns
from shared_kernel.files.outcomes import Outcome, Refused
from shared_kernel.files.remarks import Remarks
from shared_kernel.files.row_file import Row
from shared_kernel.files.values import in_columns, pieces, text

_ORDER = foreign_names.schema(LONGEST_ORDER_REFERENCE, "ORDER-1")


@attrs.frozen(kw_only=True)
class OrderLine:
    """A line of NDJSON."""

    order: Annotated[str, msgspec.Meta(extra_json_schema=_ORDER)]
    sku: Annotated[str, msgspec.Meta(extra_json_schema=SKU_SCHEMA)]
    quantity: Pieces
    ordered_on: str | None = None
    shipped_on: str | None = None
    line: str | None = None


COLUMNS = Columns(
    required=("order", "sku", "quantity"),
    optional=("ordered_on", "shipped_on", LINE),
    identifying=("order", "sku", LINE),
    of_refused=(LINE,),
    document=Schema(OrderLine),
    presets={
        "shopify-orders": shopify_orders.MARKS,
        "woocommerce-orders": woocommerce_orders.MARKS,
    },
)
# Each line ships in the transaction that reserves it, so it never expires.
HELD_FOR = timedelta(days=1)


@attrs.frozen(kw_only=True)
class GivenLine:
    """A line of a file, under the name by which it ships."""

    row: Row
    name: LineName
    order: OrderReference
    sku: Sku
    quantity: Quantity

    @property
    def key(self) -> shipped_lines.Key:
        return self.order.code, self.sku.code


Answers = Sequence[tuple[GivenLine, BaseException | None]]
"""Lines that were to be shipped, each with its refusal, if it was refused."""
Outcomes = dict[int, Outcome | Refused]
"""By the identity of the line."""


@attrs.frozen
class ReplayOrders:
    """A line that has shipped is skipped: so a file can be replayed again.

    It is that line if it has its name: one that people gave it, or one that is made of
    what it says, in the same file. `digest` identifies the file by its contents. What
    only equals a line of another file may be another line: it is refused.
    """

    services: InventoryServices
    file_name: str
    digest: str
    equal: EqualLines
    columns: Columns = COLUMNS
    subject: str = "sku"
    done: str = "shipped"
    remarks: Remarks = attrs.field(factory=Remarks)

    def apply(self, rows: Sequence[Row]) -> list[Outcome | Refused]:
        read = [self._read(self.named(row)) for row in rows]
        lines = [each for each in read if isinstance(each, GivenLine)]
        with self.services.database.reading() as connection:
            outcomes = _of_known(lines, connection)
        new = [line for line in lines if id(line) not in outcomes]

        def record(
            connection: Connection, refusals: Sequence[BaseException | None]
        ) -> None:
            answers = list(zip(new, refusals, strict=True))
            shipped_lines.add(connection, self._shipped(answers))
            meanwhile = [
                line for line, each in answers if isinstance(each, OrderAlreadyShipped)
            ]
            outcomes.update(_of_answers(answers))
            outcomes.update(_of_known(meanwhile, connection))

        commands = [self._command(line) for line in new]
        self.services.writer.execute_all(_reserve_and_ship, commands, record)
        return [
            each if isinstance(each, Refused) else outcomes[id(each)] for each in read
        ]

    def named(self, row: Row) -> Row:
        """The row with a name that is made, unless it has one."""
        if has_name(row.values):
            return row
        content = content_of(row)
        return named_row(
            row, made_name(content, self.equal.number(content), self.digest)
        )

    def wait_until_visible(self, timeout_s: float) -> None:
        log = self.services.log
        self.services.movements.wait_for({log.source: log.head()}, timeout_s)

    def _read(self, row: Row) -> GivenLine | Refused:
        """The line, or all faults of the row at once, by column."""
        values = row.values
        if row.fault:
            return Refused(row.fault, row)
        try:
            for date in _DATES:
                date(values)
            name = _line(values)
            return GivenLine(
                row=row,
                name=name,
                order=OrderReference(text(values, "order"), name.name),
                sku=_sku(values),
                quantity=_quantity(values),
            )
        except InvalidValue:
            return Refused("; ".join(_faults(values)), row)

    def _command(self, line: GivenLine) -> ReserveStock:
        now = self.services.clock()
        return ReserveStock(
            sku=line.sku,
            order=line.order,
            quantity=line.quantity,
            at=now,
            until=now + HELD_FOR,
        )

    def _shipped(self, answers: Answers) -> list[shipped_lines.ShippedLine]:
        now_us = to_us(self.services.clock())
        return [
            shipped_lines.ShippedLine(
                order=line.order,
                sku=line.sku,
                pieces=line.quantity.pieces,
                file_digest=line.name.file,
                file_name=self.file_name,
                row_number=line.row.number,
                shipped_us=now_us,
            )
            for line, refusal in answers
            if refusal is None
        ]


def _reserve_and_ship(order: ReserveStock, work: SqlInventoryUnitOfWork) -> None:
    reserve_stock(order, work)
    ship_stock(ShipStock(sku=order.sku, order=order.order, at=order.at), work)


def _of_known(lines: Sequence[GivenLine], connection: Connection) -> Outcomes:
    """Outcomes of those lines that have shipped."""
    if not lines:
        return {}
    known = shipped_lines.found(connection, (line.order for line in lines))
    orders = shipped_lines.shipped_by_name(
        connection, (line.order.order for line in lines)
    )
    outcomes: Outcomes = {}
    for line in lines:
        whole = line.order.order, line.sku.code
        if line.key in known:
            outcomes[id(line)] = _of_shipped(line, known[line.key])
        elif line.name.file and whole in orders:
            outcomes[id(line)] = _of_whole_order(line, orders[whole])
    return outcomes


def _of_answers(answers: Answers) -> Outcomes:
    return {
        id(line): Refused(str(refusal), line.row) if refusal else Outcome.DONE
        for line, refusal in answers
    }


def _of_shipped(
    line: GivenLine, shipped: shipped_lines.ShippedLine
) -> Outcome | Refused:
    where = (
        f"{shipped.file_name}, row {shipped.row_number}, on "
        f"{shipped.shipped_at:%Y-%m-%d}"
    )
    if line.name.file != shipped.file_digest:
        return Refused(
            f"this equals a line of order {line.order.order} that has shipped from "
            f"another file: {where}. If it is that line, leave it out; if it is one "
            f"more, give it a name of its own in the column {LINE}",
            line.row,
        )
    if line.quantity.pieces == shipped.pieces:
        return Outcome.SKIPPED
    return Refused(
        f"line {line.name.name} of order {line.order.order} has already shipped "
        f"{shipped.pieces} of {line.sku}, not {line.quantity.pieces}: {where}",
        line.row,
    )


def _of_whole_order(line: GivenLine, pieces: int) -> Refused:
    return Refused(
        f"order {line.order.order} has already shipped {pieces} of {line.sku}, not as "
        f"a line of a file. If this is one more, give it a name in the column {LINE}",
        line.row,
    )


def _line(values: Mapping[str, Any]) -> LineName:
    return given_name(text(values, LINE))


def _sku(values: Mapping[str, Any]) -> Sku:
    return Sku(text(values, "sku"))


def _order(values: Mapping[str, Any]) -> OrderReference:
    return OrderReference(text(values, "order"))


_DATES: tuple[Callable[[Mapping[str, Any]], object], ...] = (
    partial(date_in, column="ordered_on"),
    partial(date_in, column="shipped_on"),
)


def _quantity(values: Mapping[str, Any]) -> Quantity:
    return Quantity(pieces(values, "quantity"))


def _faults(values: Mapping[str, Any]) -> Iterator[str]:
    parts = (_order, _sku, _quantity, *_DATES)
    for part in (_line, *parts) if has_name(values) else parts:
        try:
            part(values)
        except InvalidValue as fault:
            yield in_columns(fault)
