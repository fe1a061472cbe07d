"""Reads a product from the row of a file, or says all that is wrong with it."""

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from catalog.adapters.http_bodies import (
    DescriptionText,
    MinorUnits,
    NameText,
    PriceBody,
    SkuText,
    StockCount,
)
from catalog.adapters.presets import shopify, woocommerce
from catalog.domain.amounts import price_from_text
from catalog.domain.value_objects import (
    Description,
    OpeningStock,
    Price,
    ProductName,
    Status,
)
from shared_kernel.documents.schema import Schema
from shared_kernel.domain import foreign_names
from shared_kernel.domain.errors import InvalidValue
from shared_kernel.domain.sku import Sku
from shared_kernel.files.columns import Columns
from shared_kernel.files.outcomes import Refused
from shared_kernel.files.row_file import Row
from shared_kernel.files.values import in_columns, pieces, text, whole_number


@attrs.frozen(kw_only=True)
class ProductLine:
    """A line of NDJSON: a registration, or with the fields of a CSV."""

    name: NameText
    sku: SkuText
    stock_count: StockCount | None = None
    description: DescriptionText | None = None
    price: PriceBody | str | None = None
    price_minor_units: MinorUnits | None = None
    price_currency: str | None = None
    status: str | None = None


COLUMNS = Columns(
    required=("sku", "name"),
    optional=(
        "price",
        "price_minor_units",
        "price_currency",
        "stock_count",
        "description",
        "status",
    ),
    identifying=("sku",),
    presets={"shopify": shopify.MARKS, "woocommerce": woocommerce.MARKS},
    document=Schema(ProductLine),
)


@attrs.frozen(kw_only=True)
class Prices:
    """How the prices of a file are written.

    `currency` is that of prices that name none. `decimal_mark` is `.` or `,`; without
    it an amount like `1,234` is refused.
    """

    currency: str | None = None
    decimal_mark: str | None = None


AS_WRITTEN = Prices()


@attrs.frozen(kw_only=True)
class GivenProduct:
    """A product in row `row` of a file; None is what the row does not say."""

    row: int
    sku: Sku
    name: ProductName
    description: Description | None
    price: Price | None
    opening_stock: OpeningStock | None
    status: Status | None


def key_of(row: Row) -> str:
    """One for all rows whose SKUs a catalog may take for the same."""
    return foreign_names.folded(str(row.values.get("sku", "")).strip())


def product_from(row: Row, prices: Prices) -> GivenProduct | Refused:
    """The product, or all faults of the row at once, by column."""
    if row.fault:
        return Refused(row.fault, row)
    values = row.values
    try:
        return GivenProduct(
            row=row.number,
            sku=_sku(values),
            name=_name(values),
            description=_description(values),
            price=_price(values, prices),
            opening_stock=_opening_stock(values),
            status=_status(values),
        )
    except InvalidValue:
        return Refused("; ".join(_faults(values, prices)), row)


def _sku(values: Mapping[str, Any]) -> Sku:
    return Sku(text(values, "sku"))


def _name(values: Mapping[str, Any]) -> ProductName:
    return ProductName(text(values, "name"))


def _description(values: Mapping[str, Any]) -> Description | None:
    given = text(values, "description")
    return Description(given) if given else None


def _price(values: Mapping[str, Any], prices: Prices) -> Price | None:
    """Amount and currency, or neither."""
    amount = text(values, "price") if values.get("price") else ""
    minor_units = whole_number(values, "price_minor_units")
    currency = text(values, "price_currency") or None
    if amount and minor_units is not None:
        raise InvalidValue(
            field="price", value=amount, expected="price or price_minor_units, not both"
        )
    if amount:
        return _written_price(amount, currency, prices)
    if minor_units is None:
        if currency is None:
            return None
        raise InvalidValue(
            field="price_currency", value=currency, expected="a price with a currency"
        )
    if type(minor_units) is not int:
        raise InvalidValue(
            field="price_minor_units",
            value=minor_units,
            expected="a whole number of minor units (cents, say), as in 1999; the "
            "column for amounts like 19.99 is price",
        )
    return Price(minor_units, currency or prices.currency or "")


def _written_price(amount: str, currency: str | None, prices: Prices) -> Price:
    default = currency or prices.currency
    price = price_from_text(amount, default, prices.decimal_mark)
    if currency is not None and price.currency != currency:
        raise InvalidValue(
            field="price_currency",
            value=currency,
            expected=f"{price.currency!r}, as the price says",
        )
    return price


def _opening_stock(values: Mapping[str, Any]) -> OpeningStock | None:
    count = pieces(values, "stock_count")
    return None if count is None else OpeningStock(count)


def _status(values: Mapping[str, Any]) -> Status | None:
    if not values.get("status"):
        return None
    given = text(values, "status")
    if not given:
        return None
    try:
        return Status(given)
    except ValueError as error:
        raise InvalidValue(
            field="status", value=given, expected="'listed' or 'discontinued'"
        ) from error


def _faults(values: Mapping[str, Any], prices: Prices) -> Iterator[str]:
    for part in (_sku, _name, _description, _opening_stock, _status):
        try:
            part(values)
        except InvalidValue as fault:
            yield in_columns(fault)
    try:
        _price(values, prices)
    except InvalidValue as fault:
        yield in_columns(fault)
