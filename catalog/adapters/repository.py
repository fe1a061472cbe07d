"""The repository of products in SQL."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from catalog.adapters.tables import products
from catalog.domain.errors import UnknownProduct
from catalog.domain.product import Product
from catalog.domain.value_objects import Description, Price, ProductName, Status
from shared_kernel.domain.sku import Sku
from shared_kernel.storage.aggregates import AggregateTable, SqlRepository


def product_to_row(product: Product) -> dict[str, Any]:
    return {
        "sku": product.sku.code,
        "name": product.name.text,
        "description": product.description.text if product.description else None,
        "price_minor_units": product.price.minor_units if product.price else None,
        "price_currency": product.price.currency if product.price else None,
        "status": str(product.status),
        "version": product.version,
        "folded_sku": product.sku.folded,
    }


def product_from_row(row: Sequence[Any]) -> Product:
    sku, name, description, minor_units, currency, status, version, _ = row
    return Product(
        sku=Sku(sku),
        name=ProductName.stored(name),
        description=None if description is None else Description(description),
        price=None if minor_units is None else Price(minor_units, currency),
        status=Status(status),
        version=version,
    )


_PRODUCTS = AggregateTable(
    products,
    "folded_sku",
    product_to_row,
    product_from_row,
    lambda product: product.sku.folded,
)


class SqlProductRepository(SqlRepository[Product]):
    """The products of one transaction."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, _PRODUCTS)

    def find(self, sku: Sku) -> Product | None:
        same = self.find_same(sku)
        return same if same is not None and same.sku == sku else None

    def find_same(self, sku: Sku) -> Product | None:
        return self.find_by_key(sku.folded)

    def get(self, sku: Sku) -> Product:
        same = self.find_same(sku)
        if same is None or same.sku != sku:
            raise UnknownProduct(
                sku=sku.code, registered_sku=None if same is None else same.sku.code
            )
        return same

    def prefetch(self, skus: Iterable[Sku]) -> None:
        """Read these products in one statement, in whatever case they are."""
        self.prefetch_keys(sku.folded for sku in skus)
