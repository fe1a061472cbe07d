"""The product: its name, description and price, and whether we still sell it."""

from typing import Protocol

import attrs

from catalog.domain.errors import ProductIsDiscontinued
from catalog.domain.events import (
    ProductDescribed,
    ProductDiscontinued,
    ProductRegistered,
    ProductRelisted,
    ProductRenamed,
    ProductRepriced,
)
from catalog.domain.value_objects import (
    Description,
    OpeningStock,
    Price,
    ProductName,
    Status,
)
from shared_kernel.domain.aggregate import Aggregate
from shared_kernel.domain.sku import Sku


@attrs.define(eq=False, kw_only=True)
class Product(Aggregate):
    """A change to the current state records nothing. If discontinued: only relist."""

    sku: Sku
    name: ProductName
    description: Description | None = None
    price: Price | None = None
    status: Status = Status.LISTED

    @property
    def key(self) -> str:
        return self.sku.code

    @classmethod
    def register(
        cls,
        sku: Sku,
        name: ProductName,
        description: Description | None,
        price: Price | None,
        opening_stock: OpeningStock,
    ) -> "Product":
        product = cls(sku=sku, name=name, description=description, price=price)
        product.record(
            ProductRegistered(
                sku=sku,
                name=name,
                description=description,
                price=price,
                opening_stock=opening_stock,
            )
        )
        return product

    def rename(self, name: ProductName) -> None:
        self._refuse_if_discontinued()
        if name == self.name:
            return

        self.name = name

        self.record(ProductRenamed(sku=self.sku, name=name))

    def describe(self, description: Description | None) -> None:
        self._refuse_if_discontinued()
        if description == self.description:
            return

        self.description = description

        self.record(ProductDescribed(sku=self.sku, description=description))

    def reprice(self, price: Price | None) -> None:
        self._refuse_if_discontinued()
        if price == self.price:
            return

        self.price = price

        self.record(ProductRepriced(sku=self.sku, price=price))

    def discontinue(self) -> None:
        if self.status is Status.DISCONTINUED:
            return

        self.status = Status.DISCONTINUED

        self.record(ProductDiscontinued(sku=self.sku))

    def relist(self) -> None:
        if self.status is Status.LISTED:
            return

        self.status = Status.LISTED

        self.record(ProductRelisted(sku=self.sku))

    def _refuse_if_discontinued(self) -> None:
        if self.status is Status.DISCONTINUED:
            raise ProductIsDiscontinued(sku=self.sku.code)


class ProductRepository(Protocol):
    """All products."""

    def find(self, sku: Sku) -> Product | None: ...

    def find_same(self, sku: Sku) -> Product | None:
        """The product of this SKU, in whatever case or compatibility form."""
        ...

    def get(self, sku: Sku) -> Product:
        """Raises UnknownProduct."""
        ...

    def add(self, product: Product) -> None: ...
