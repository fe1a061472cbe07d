"""Reserves and ships the order lines of a file, one after the other."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import attrs
import msgspec

from inventory.adapters.http_bodies import Pieces
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
from shared_kernel.documents.schema import Schema
from shared_kernel.domain import foreign_names
from shared_kernel.domain.errors import DomainError, InvalidValue
from shared_kernel.domain.sku import SKU_SCHEMA, Sku
from shared_kernel.files.columns import Columns
from shared_kernel.files.remarks import Remarks
from shared_kernel.files.row_file import Row
from shared_kernel.files.run import Outcome, Refused
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


COLUMNS = Columns(
    required=("order", "sku", "quantity"),
    optional=("ordered_on", "shipped_on"),
    identifying=("order", "sku"),
    document=Schema(OrderLine),
    presets={
        "shopify-orders": shopify_orders.MARKS,
        "woocommerce-orders": woocommerce_orders.MARKS,
    },
)
# Each line ships in the transaction that reserves it, so it never expires.
HELD_FOR = timedelta(days=1)


class LinesSoFar:
    """Counts the lines of each order and SKU, on disk if there are many."""

    def __init__(self) -> None:
        # SQLite's own temporary file: it spills what does not fit in its cache.
        self._counts = sqlite3.connect("", isolation_level=None)
        self._counts.execute(
            "CREATE TABLE line (of TEXT, sku TEXT, lines INTEGER,"
            " PRIMARY KEY (of, sku)) WITHOUT ROWID"
        )
        self._counts.execute("BEGIN")

    def number(self, order: str, sku: str) -> int:
        """1 for the first line of `order` for `sku`, then 2, and so on."""
        [[number]] = self._counts.execute(
            "INSERT INTO line VALUES (?, ?, 1)"
            " ON CONFLICT DO UPDATE SET lines = lines + 1 RETURNING lines",
            (order, sku),
        ).fetchall()
        return int(number)

    def close(self) -> None:
        self._counts.close()


@attrs.frozen
class ReplayOrders:
    """Skips a line that has shipped unchanged: so a file can be replayed again.

    An order reference names one shipment of a SKU. A further line of the same order and
    SKU ships as `ORDER#2`, `ORDER#3`, …
    """

    services: InventoryServices
    lines: LinesSoFar
    columns: Columns = COLUMNS
    subject: str = "sku"
    done: str = "shipped"
    remarks: Remarks = attrs.field(factory=Remarks)

    def apply(self, rows: Sequence[Row]) -> list[Outcome | Refused]:
        until = self.services.clock() + HELD_FOR
        named = [self._named(row) for row in rows]
        read = [_order_from(row, until) for row in named]
        orders = [each for each in read if isinstance(each, ReserveStock)]
        answers = iter(self.services.writer.execute_all(_reserve_and_ship, orders))
        return [
            each if isinstance(each, Refused) else _outcome(row, each, next(answers))
            for row, each in zip(named, read, strict=True)
        ]

    def wait_until_visible(self, timeout_s: float) -> None:
        log = self.services.log
        self.services.movements.wait_for({log.source: log.head()}, timeout_s)

    def _named(self, row: Row) -> Row:
        """The row, with the reference under which the line ships."""
        order, sku = row.values.get("order"), row.values.get("sku")
        if row.fault or not isinstance(order, str) or not isinstance(sku, str):
            return row
        number = self.lines.number(order.strip(), sku.strip())
        if number == 1:
            return row
        return attrs.evolve(
            row, values={**row.values, "order": f"{order.strip()}#{number}"}
        )


def _reserve_and_ship(order: ReserveStock, work: SqlInventoryUnitOfWork) -> None:
    reserve_stock(order, work)
    ship_stock(ShipStock(sku=order.sku, order=order.order), work)


def _outcome(row: Row, order: ReserveStock, answer: object) -> Outcome | Refused:
    if isinstance(answer, OrderAlreadyShipped):
        if answer.shipped == order.quantity.pieces:
            return Outcome.SKIPPED
        return Refused(f"{answer}, not {order.quantity.pieces}", row)
    if isinstance(answer, DomainError):
        return Refused(str(answer), row)
    return Outcome.DONE


def _order_from(row: Row, until: datetime) -> ReserveStock | Refused:
    """The order line, or all faults of the row at once, by column."""
    if row.fault:
        return Refused(row.fault, row)
    values = row.values
    try:
        return ReserveStock(
            sku=_sku(values),
            order=_order(values),
            quantity=_quantity(values),
            until=until,
        )
    except InvalidValue:
        return Refused("; ".join(_faults(values)), row)


def _sku(values: Mapping[str, Any]) -> Sku:
    return Sku(text(values, "sku"))


def _order(values: Mapping[str, Any]) -> OrderReference:
    return OrderReference(text(values, "order"))


def _quantity(values: Mapping[str, Any]) -> Quantity:
    return Quantity(pieces(values, "quantity"))


def _faults(values: Mapping[str, Any]) -> Iterator[str]:
    for part in (_order, _sku, _quantity):
        try:
            part(values)
        except InvalidValue as fault:
            yield in_columns(fault)
