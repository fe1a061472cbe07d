"""The repository of products in SQL."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from catalog.adapters.tables import products
from catalog.domain.errors import UnknownProduct
from catalog.domain.product import Product
from catalog.domain.value_objects import Description, Price, ProductName, Status
from shared_kernel.domain.sku import Sku
from shared_kernel.storage.aggregates import AggregateTable, SqlRepository
from shared_kernel.storage.prepared import Prepared, one_of


def product_to_row(product: Product) -> dict[str, Any]:
    return {
        "sku": product.sku.code,
        "name": product.name.text,
        "description": product.description.text if product.description else None,
        "price_minor_units": product.price.minor_units if product.price else None,
        "price_currency": product.price.currency if product.price else None,
        "status": product.status.value,
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


_PRODUCTS = AggregateTable(products, "sku", product_to_row, product_from_row)
_SAME = Prepared(sa.select(products).where(one_of(products.c.folded_sku, "wanted")))


class SqlProductRepository(SqlRepository[Product]):
    """The products of one transaction."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, _PRODUCTS)
        # By folded SKU; None if no product has it.
        self._codes: dict[str, str | None] = {}

    def add(self, product: Product) -> None:
        super().add(product)
        self._codes[product.sku.folded] = product.sku.code

    def find(self, sku: Sku) -> Product | None:
        return self.find_by_key(sku.code)

    def find_same(self, sku: Sku) -> Product | None:
        if sku.folded not in self._codes:
            self.prefetch([sku])
        code = self._codes[sku.folded]
        return None if code is None else self.find_by_key(code)

    def get(self, sku: Sku) -> Product:
        product = self.find(sku)
        if product is None:
            same = self.find_same(sku)
            raise UnknownProduct(
                sku=sku.code, registered_sku=None if same is None else same.sku.code
            )
        return product

    def prefetch(self, skus: Iterable[Sku]) -> None:
        """Read these products, and those of the same SKUs but for case.

        In one statement; `find` and `find_same` then need none for them.
        """
        wanted = {sku.folded: sku.code for sku in skus}
        unknown = wanted.keys() - self._codes.keys()
        self._codes.update(dict.fromkeys(unknown))
        for product in self.prefetch_rows(
            _SAME, unknown, [wanted[folded] for folded in unknown]
        ):
            self._codes[product.sku.folded] = product.sku.code

    def flush(self) -> None:
        super().flush()
        self._codes = {}
