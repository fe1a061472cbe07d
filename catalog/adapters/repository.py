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
        "status": product.status.value,
        "version": product.version,
    }


def product_from_row(row: Sequence[Any]) -> Product:
    sku, name, description, price_minor_units, price_currency, status, version = row
    return Product(
        sku=Sku(sku),
        name=ProductName(name),
        description=None if description is None else Description(description),
        price=None
        if price_minor_units is None
        else Price(price_minor_units, price_currency),
        status=Status(status),
        version=version,
    )


_PRODUCTS = AggregateTable(products, "sku", product_to_row, product_from_row)


class SqlProductRepository(SqlRepository[Product]):
    """The products of one transaction."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, _PRODUCTS)

    def find(self, sku: Sku) -> Product | None:
        return self.find_by_key(sku.code)

    def get(self, sku: Sku) -> Product:
        product = self.find(sku)
        if product is None:
            raise UnknownProduct(sku=sku.code)
        return product

    def prefetch(self, skus: Iterable[Sku]) -> None:
        """Read these products in one statement; `find` then needs none for them."""
        self.prefetch_keys(sku.code for sku in skus)
