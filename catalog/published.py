"""The catalog's published language, version 1: what others may rely on.

Each event carries the full public state of the product as committed, and the number
`version` that the fact has in the product's life. Prices are in minor units of an ISO
4217 currency; both fields of a price are there, or neither. `status` is `listed` or
`discontinued`. A new optional field keeps the version; anything else is a new class.
"""

import attrs


@attrs.frozen(kw_only=True)
class ProductState:
    """What every event of a product tells."""

    name: str
    sku: str
    description: str | None = None
    price_minor_units: int | None = None
    price_currency: str | None = None
    status: str
    version: int


@attrs.frozen(kw_only=True)
class ProductInserted(ProductState):
    """A product was registered, with `stock_count` pieces to begin with."""

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
