"""The repositories of parcels and products in SQL."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from shared_kernel.domain.sku import Sku
from shared_kernel.storage.aggregates import AggregateTable, SqlRepository
from shared_kernel.storage.prepared import Prepared
from shipping.adapters.tables import parcels, products
from shipping.domain.errors import ProductNotSold
from shipping.domain.parcel import Parcel
from shipping.domain.value_objects import ParcelReference, Product

_SELECT_PRODUCT = Prepared(
    select(products).where(products.c.sku == bindparam("wanted"))
)
_insert = insert(products)
_PUT_PRODUCT = Prepared(
    _insert.on_conflict_do_update(
        index_elements=[products.c.sku],
        set_={"name": _insert.excluded.name, "sold": _insert.excluded.sold},
    )
)


def parcel_to_row(parcel: Parcel) -> dict[str, Any]:
    return {
        "reference": parcel.reference.code,
        "sku": parcel.sku.code,
        "name": parcel.name,
        "version": parcel.version,
    }


def parcel_from_row(row: Sequence[Any]) -> Parcel:
    reference, sku, name, version = row
    return Parcel(
        reference=ParcelReference(reference), sku=Sku(sku), name=name, version=version
    )


def product_to_row(product: Product) -> dict[str, Any]:
    return {"sku": product.sku.code, "name": product.name, "sold": product.sold}


def product_from_row(row: Sequence[Any]) -> Product:
    sku, name, sold = row
    return Product(sku=Sku(sku), name=name, sold=bool(sold))


_PARCELS = AggregateTable(parcels, "reference", parcel_to_row, parcel_from_row)


class SqlParcelRepository(SqlRepository[Parcel]):
    """The parcels of one transaction."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, _PARCELS)

    def find(self, reference: ParcelReference) -> Parcel | None:
        return self.find_by_key(reference.code)


class SqlProductRepository:
    """Products as of the catalog's newest events."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, sku: Sku) -> Product:
        row = _SELECT_PRODUCT.row(self._connection, {"wanted": sku.code})
        if row is None:
            raise ProductNotSold(sku=sku.code)
        return product_from_row(row)

    def put(self, updates: Iterable[Product]) -> None:
        """Insert or update; of several products with one SKU the last one is stored."""
        newest = {product.sku: product for product in updates}
        _PUT_PRODUCT.send(self._connection, list(map(product_to_row, newest.values())))
