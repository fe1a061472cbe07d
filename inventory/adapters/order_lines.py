"""Reads an order line from the row of a file, or says all that is wrong with it."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Annotated, Any

import attrs
import msgspec

from inventory.adapters import shipped_lines
from inventory.adapters.http_bodies import Pieces
from inventory.adapters.line_names import (
    LINE,
    LineName,
    given_name,
    has_name,
    named_row,
)
from inventory.adapters.order_dates import date_in
from inventory.adapters.presets import shopify_orders, woocommerce_orders
from inventory.domain.value_objects import (
    LONGEST_ORDER_REFERENCE,
    OrderReference,
    Quantity,
)
from shared_kernel.documents.schema import Schema
from shared_kernel.domain import foreign_names
from shared_kernel.domain.errors import InvalidValue
from shared_kernel.domain.sku import SKU_SCHEMA, Sku
from shared_kernel.files.columns import Columns
from shared_kernel.files.outcomes import Refused
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


@attrs.frozen(kw_only=True)
class GivenLine:
    """A line of a file, under the name by which it ships.

    `name_given`: whether it stands in the row.
    """

    row: Row
    name_given: bool
    name: LineName
    order: OrderReference
    sku: Sku
    quantity: Quantity

    @property
    def key(self) -> shipped_lines.Key:
        return self.order.code, self.sku.code

    def refused(self, reason: str) -> Refused:
        """With its name: so it is the same line when it is mended."""
        row = self.row if self.name_given else named_row(self.row, self.name)
        return Refused(reason, row)


def line_of(row: Row, made: LineName | None) -> GivenLine:
    """Raises InvalidValue."""
    values = row.values
    for date in _DATES:
        date(values)
    name = made or _line(values)
    return GivenLine(
        row=row,
        name_given=made is None,
        name=name,
        order=OrderReference(text(values, "order"), name.name),
        sku=_sku(values),
        quantity=_quantity(values),
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


def faults_of(values: Mapping[str, Any]) -> Iterator[str]:
    parts = (_order, _sku, _quantity, *_DATES)
    for part in (_line, *parts) if has_name(values) else parts:
        try:
            part(values)
        except InvalidValue as fault:
            yield in_columns(fault)
