"""The catalog's JSON bodies of requests and responses."""

from typing import Annotated

import attrs
import msgspec

from catalog.application.commands import RegisterProduct
from catalog.domain.currencies import CURRENCIES
from catalog.domain.value_objects import (
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    MOST_MINOR_UNITS,
    MOST_PIECES,
    Description,
    OpeningStock,
    Price,
    ProductName,
)
from catalog.read_model.product_listing import ListedProduct
from shared_kernel.documents.schema import Schema
from shared_kernel.domain.sku import SKU_SCHEMA, Sku
from shared_kernel.web.texts import one_line

_CONTROLS_BUT_ENDS = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
_LINES = rf"^[^{_CONTROLS_BUT_ENDS}]*[^\s{_CONTROLS_BUT_ENDS}][^{_CONTROLS_BUT_ENDS}]*$"

NameText = Annotated[str, one_line(LONGEST_NAME, "Desk lamp")]
DescriptionText = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=LONGEST_DESCRIPTION,
        pattern=_LINES,
        examples=["Warm light, dimmable."],
        description=f"1 to {LONGEST_DESCRIPTION} characters, not all blank, without "
        "control characters other than tabs and line ends",
    ),
]
SkuText = Annotated[str, msgspec.Meta(extra_json_schema=SKU_SCHEMA)]
MinorUnits = Annotated[int, msgspec.Meta(ge=0, le=MOST_MINOR_UNITS, examples=[1999])]
StockCount = Annotated[int, msgspec.Meta(ge=0, le=MOST_PIECES, examples=[5])]


@attrs.frozen(kw_only=True)
class PriceBody:
    """An amount in the minor units (cents, say) of an ISO 4217 currency."""

    minor_units: MinorUnits
    currency: Annotated[
        str,
        msgspec.Meta(
            extra_json_schema={"enum": sorted(CURRENCIES)},
            examples=["EUR"],
            description="an ISO 4217 code in use, such as EUR",
        ),
    ]


@attrs.frozen(kw_only=True)
class RegisterBody:
    """A product with the pieces that inventory opens its stock with."""

    name: NameText
    sku: SkuText
    stock_count: StockCount = 0
    description: DescriptionText | None = None
    price: PriceBody | None = None


REGISTRATION = Schema(RegisterBody)
"""Of a product, by whatever way it comes: requests, messages, files and queues."""


@attrs.frozen(kw_only=True)
class NameBody:
    name: NameText


@attrs.frozen(kw_only=True)
class DescriptionBody:
    """`null` takes the description away."""

    description: DescriptionText | None


class ProductVersion(msgspec.Struct, frozen=True, kw_only=True):
    """The product, and its version after the command."""

    sku: str
    version: int


class ShownProduct(ListedProduct, frozen=True):
    """A product by itself; `stock` if it was asked for, null before it is opened."""

    stock: int | msgspec.UnsetType | None = msgspec.UNSET


def command_from(asked: RegisterBody) -> RegisterProduct:
    """Raises InvalidValue."""
    return RegisterProduct(
        sku=Sku(asked.sku),
        name=ProductName(asked.name),
        description=description_of(asked.description),
        price=price_of(asked.price),
        opening_stock=OpeningStock(asked.stock_count),
    )


def price_of(body: PriceBody | None) -> Price | None:
    return None if body is None else Price(body.minor_units, body.currency)


def description_of(text: str | None) -> Description | None:
    return None if text is None else Description(text)
