"""The catalog's published language, version 1: what others may rely on.

Each event carries the full public state of the product as committed. Docstrings tell
the fields: meaning, unit in brackets, an example. These become part of the schema; a
changed meaning or unit fails the build. A new optional field keeps the version;
anything else is a new class.
"""

import attrs


@attrs.frozen(kw_only=True)
class ProductState:
    """What every event of a product tells.

    name: the name that shoppers see, e.g. "Desk lamp"
    sku: the code by which the product is known everywhere, e.g. "LAMP-0001"
    description: what shoppers read about it; null if there is nothing, e.g. "Of brass"
    price_minor_units: the price, together with price_currency or not at all
        [minor units of price_currency], e.g. 1999
    price_currency: the currency of the price [ISO 4217 code], e.g. "EUR"
    status: whether it is sold [listed or discontinued], e.g. "listed"
    version: the number of this fact in the product's life, from 1 on, e.g. 1
    """

    name: str
    sku: str
    description: str | None = None
    price_minor_units: int | None = None
    price_currency: str | None = None
    status: str
    version: int


@attrs.frozen(kw_only=True)
class ProductInserted(ProductState):
    """A product was registered, with `stock_count` pieces to begin with.

    stock_count: how many there are to begin with [pieces], e.g. 5
    """

    stock_count: int


@attrs.frozen(kw_only=True)
class ProductRenamed(ProductState):
    """The product has a new name."""


@attrs.frozen(kw_only=True)
class ProductDescribed(ProductState):
    """The product has another description, or none."""


@attrs.frozen(kw_only=True)
class ProductRepriced(ProductState):
    """The product has another price, or none."""


@attrs.frozen(kw_only=True)
class ProductDiscontinued(ProductState):
    """The product is no longer sold."""


@attrs.frozen(kw_only=True)
class ProductRelisted(ProductState):
    """The product is sold again."""


SUBJECTS: dict[str, type[ProductState]] = {
    "product.inserted": ProductInserted,
    "product.renamed": ProductRenamed,
    "product.described": ProductDescribed,
    "product.repriced": ProductRepriced,
    "product.discontinued": ProductDiscontinued,
    "product.relisted": ProductRelisted,
}
