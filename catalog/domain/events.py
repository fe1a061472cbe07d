"""The domain events of a product."""

import attrs

from catalog.domain.value_objects import (
    Description,
    OpeningStock,
    Price,
    ProductName,
)
from shared_kernel.domain.event import DomainEvent
from shared_kernel.domain.sku import Sku


@attrs.frozen(kw_only=True)
class ProductEvent(DomainEvent):
    """What all events of a product tell."""

    sku: Sku


@attrs.frozen(kw_only=True)
class ProductRegistered(ProductEvent):
    name: ProductName
    description: Description | None
    price: Price | None
    opening_stock: OpeningStock


@attrs.frozen(kw_only=True)
class ProductRenamed(ProductEvent):
    name: ProductName


@attrs.frozen(kw_only=True)
class ProductDescribed(ProductEvent):
    description: Description | None


@attrs.frozen(kw_only=True)
class ProductRepriced(ProductEvent):
    price: Price | None


@attrs.frozen(kw_only=True)
class ProductDiscontinued(ProductEvent):
    pass


@attrs.frozen(kw_only=True)
class ProductRelisted(ProductEvent):
    pass
