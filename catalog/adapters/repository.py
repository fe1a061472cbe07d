"""Products in SQL: read on demand, written once for all commands of a transaction."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from catalog.adapters.tables import products
from catalog.domain.errors import UnknownProduct
from catalog.domain.product import Product
from catalog.domain.value_objects import Description, Price, ProductName, Status
from shared_kernel.domain.sku import Sku
from shared_kernel.storage.prepared import Prepared, one_of

_SELECT_ONE = Prepared(select(products).where(products.c.sku == bindparam("wanted")))
_SELECT_MANY = Prepared(select(products).where(one_of(products.c.sku, "wanted")))
_INSERT = Prepared(insert(products))
_UPDATE = Prepared(
    update(products).where(
        products.c.sku == bindparam("stored_sku"),
        products.c.version == bindparam("stored_version"),
    )
)


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


class SqlProductRepository:
    """One transaction's products: each is read once, and written by `flush()`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # By SKU; None is known to be absent.
        self._known: dict[str, Product | None] = {}
        # The versions that are stored; 0 for what is not.
        self._stored: dict[str, int] = {}
        self._touched: dict[str, Product] = {}
        self._unwritten: dict[str, Product] = {}

    def find(self, sku: Sku) -> Product | None:
        code = sku.code
        if code not in self._known:
            row = _SELECT_ONE.row(self._connection, {"wanted": code})
            self._known[code] = None if row is None else self._follow(row)
        product = self._known[code]
        if product is not None:
            self._touched[code] = product
        return product

    def get(self, sku: Sku) -> Product:
        product = self.find(sku)
        if product is None:
            raise UnknownProduct(sku=sku.code)
        return product

    def add(self, product: Product) -> None:
        code = product.sku.code
        self._known[code] = self._touched[code] = product
        self._stored[code] = 0

    def prefetch(self, skus: Iterable[Sku]) -> None:
        """Read in few statements what `find` will be asked for, absent ones too."""
        codes = {sku.code for sku in skus} - self._known.keys()
        self._known.update(dict.fromkeys(codes))
        wanted = {"wanted": json.dumps(list(codes))}
        for row in _SELECT_MANY.rows(self._connection, wanted):
            self._known[row[0]] = self._follow(row)

    def changed(self) -> list[Product]:
        """Those that may have recorded events since the last call."""
        touched, self._touched = self._touched, {}
        changed = [
            product
            for code, product in touched.items()
            if product.version != self._stored[code]
        ]
        self._unwritten.update((product.sku.code, product) for product in changed)
        return changed

    def flush(self) -> None:
        """Write all that `changed()` has named; from here on nothing is known.

        Raises ConcurrentUpdateError if a product is not stored as it was read.
        """
        new: list[dict[str, Any]] = []
        known: list[dict[str, Any]] = []
        # In one order for all, so that two transactions cannot wait for each other.
        for code, product in sorted(self._unwritten.items()):
            row = product_to_row(product)
            if stored := self._stored[code]:
                known.append(row | {"stored_sku": code, "stored_version": stored})
            else:
                new.append(row)
        self._known, self._stored, self._unwritten = {}, {}, {}
        _INSERT.write_checked(self._connection, new)
        _UPDATE.write_checked(self._connection, known)

    def _follow(self, row: Sequence[Any]) -> Product:
        product = product_from_row(row)
        self._stored[product.sku.code] = product.version
        return product
