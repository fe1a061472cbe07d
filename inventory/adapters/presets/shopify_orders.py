"""Order lines as Shopify exports them: one row for each line.

The first row of an order says whether it was cancelled and when it was placed; the rows
behind it repeat only its name. See
https://help.shopify.com/en/manual/fulfillment/managing-orders/exporting-orders.
"""

from collections.abc import Iterator, Mapping

import attrs

from shared_kernel.files.columns import Columns
from shared_kernel.files.presets import LeftOut, cell
from shared_kernel.files.row_file import Row

MARKS = ("Name", "Lineitem sku", "Lineitem quantity")
"""The columns by which such a file is recognized."""
_NOT_SHIPPED = {
    "pending": "lines that are not fulfilled",
    "unfulfilled": "lines that are not fulfilled",
    "restocked": "lines that were restocked",
}


@attrs.frozen
class _Order:
    """What the first row of an order says for all its rows."""

    name: str
    cancelled: bool
    ordered_on: str
    shipped_on: str


@attrs.frozen(kw_only=True)
class ShopifyOrders:
    """Lines that have left the shelf; of no other order and no other line."""

    columns: Columns = Columns(  # noqa: RUF009 - frozen
        required=MARKS,
        identifying=("Name", "Lineitem sku"),
        optional=(
            "Created at",
            "Fulfilled at",
            "Cancelled at",
            "Lineitem name",
            "Lineitem requires shipping",
            "Lineitem fulfillment status",
        ),
    )
    aliases: Mapping[str, str] = attrs.field(factory=dict)
    gives: tuple[str, ...] = ("order", "sku", "quantity", "ordered_on", "shipped_on")

    def rows(self, rows: Iterator[Row]) -> Iterator[Row | LeftOut]:
        order: _Order | None = None
        for row in rows:
            name = cell(row, "Name")
            if order is None or name != order.name:
                order = _order_of(row)
            if row.fault:
                yield row
            elif why := _why_left_out(row, order):
                yield LeftOut(row.number, why)
            else:
                yield _line(row, order)


def _order_of(row: Row) -> _Order:
    return _Order(
        name=cell(row, "Name"),
        cancelled=bool(cell(row, "Cancelled at")),
        ordered_on=_day(row, "Created at"),
        shipped_on=_day(row, "Fulfilled at"),
    )


def _day(row: Row, column: str) -> str:
    """The date of a moment like `2024-01-31 10:00:00 +0100`."""
    return cell(row, column).split(" ")[0]


def _why_left_out(row: Row, order: _Order) -> str | None:
    if order.cancelled:
        return "lines of cancelled orders"
    if cell(row, "Lineitem requires shipping").casefold() == "false":
        return "lines that need no shipping"
    return _NOT_SHIPPED.get(cell(row, "Lineitem fulfillment status").casefold())


def _line(row: Row, order: _Order) -> Row:
    fault = None
    sku = cell(row, "Lineitem sku")
    if not sku:
        fault = f"sku is '': Lineitem sku is empty for {cell(row, 'Lineitem name')!r}"
    if cell(row, "Lineitem fulfillment status").casefold() == "partial":
        fault = (
            "Lineitem fulfillment status is 'partial': how many pieces have left is "
            "not said; put their number into quantity"
        )
    values = {
        "order": order.name,
        "sku": sku,
        "quantity": cell(row, "Lineitem quantity"),
        "ordered_on": order.ordered_on,
        "shipped_on": order.shipped_on,
    }
    return Row(row.number, values, fault)
