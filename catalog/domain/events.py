"""What happens to a product, in the catalog's own words."""

import attrs

from catalog.domain.value_objects import (
    Description,
    OpeningStock,
    Price,
    ProductName,
)
from shared_kernel.domain.event import DomainEvent


@attrs.frozen(kw_only=True)
class ProductRegistered(DomainEvent):
    name: ProductName
    description: Description | None
    price: Price | None
    opening_stock: OpeningStock


@attrs.frozen(kw_only=True)
class ProductRenamed(DomainEvent):
    name: ProductName


@attrs.frozen(kw_only=True)
class ProductDescribed(DomainEvent):
    description: Description | None


@attrs.frozen(kw_only=True)
class ProductRepriced(DomainEvent):
    price: Price | None


@attrs.frozen(kw_only=True)
class ProductDiscontinued(DomainEvent):
    pass


@attrs.frozen(kw_only=True)
class ProductRelisted(DomainEvent):
    pass
