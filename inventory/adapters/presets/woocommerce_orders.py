"""Order lines of WooCommerce, as its export plugins write them: a row for each line.

WooCommerce itself exports no order lines. The names of columns are those of Advanced
Order Export and of Customer/Order CSV Export. `Item ID` (`item_id`) is WooCommerce's
own number of an order line, the same in every export: it names the line. `Item #` does
not: it counts the lines that are exported, so it depends on the filters of the export,
and on lines that were removed from the order.
"""

from collections.abc import Iterator, Mapping

import attrs

from shared_kernel.files.columns import Columns
from shared_kernel.files.presets import LeftOut, cell
from shared_kernel.files.row_file import Row

MARKS = ("Order Number", "Order Status", "SKU", "Quantity")
"""The columns by which such a file is recognized."""
ITEM = "Item ID"
_SHIPPED = frozenset({"completed"})
_LEFT_OUT = {
    "cancelled": "lines of cancelled orders",
    "failed": "lines of orders that failed",
    "refunded": "lines of refunded orders",
    "pending": "lines that are not fulfilled",
    "pending payment": "lines that are not fulfilled",
    "on hold": "lines that are not fulfilled",
    "processing": "lines that are not fulfilled",
    "draft": "lines that are not fulfilled",
    "checkout draft": "lines that are not fulfilled",
}


@attrs.frozen(kw_only=True)
class WooCommerceOrders:
    """Lines of completed orders; rows behind the first one may repeat only the item."""

    columns: Columns = Columns(  # noqa: RUF009 - frozen
        required=MARKS,
        identifying=("Order Number", "SKU", ITEM),
        optional=("Order Date", "Item Name", ITEM),
    )
    aliases: Mapping[str, str] = attrs.field(
        factory=lambda: {
            "Order ID": "Order Number",
            "Status": "Order Status",
            "Date": "Order Date",
            "Item SKU": "SKU",
            "Product SKU": "SKU",
            "Item Quantity": "Quantity",
            "Qty": "Quantity",
            "Name": "Item Name",
            "Product Name": "Item Name",
        }
    )
    # The name in front, as in any file of refused lines.
    gives: tuple[str, ...] = ("line", "order", "sku", "quantity", "ordered_on")

    def rows(self, rows: Iterator[Row]) -> Iterator[Row | LeftOut]:
        order = status = ordered_on = ""
        for row in rows:
            if cell(row, "Order Number"):
                order = cell(row, "Order Number")
                status = _status_of(row)
                ordered_on = cell(row, "Order Date").split(" ")[0]
            if row.fault:
                yield row
            elif status in _LEFT_OUT:
                yield LeftOut(row.number, _LEFT_OUT[status])
            else:
                values = {
                    "line": cell(row, ITEM),
                    "order": order,
                    "sku": cell(row, "SKU"),
                    "quantity": cell(row, "Quantity"),
                    "ordered_on": ordered_on,
                }
                yield Row(row.number, values, _fault_of(row, status))


def _status_of(row: Row) -> str:
    """As in `wc-on-hold` or `On hold`."""
    given = cell(row, "Order Status").casefold().removeprefix("wc-")
    return given.replace("-", " ")


def _fault_of(row: Row, status: str) -> str | None:
    if status not in _SHIPPED:
        known = ", ".join(sorted([*_SHIPPED, *_LEFT_OUT]))
        return f"Order Status is {status!r}, expected one of: {known}"
    if not cell(row, "SKU"):
        return f"sku is '': SKU is empty for {cell(row, 'Item Name')!r}"
    return None
