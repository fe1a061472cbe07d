"""All products as `catalog import` reads them, by SKU, whatever its case."""

import contextlib
from collections.abc import Iterator

import sqlalchemy as sa

from catalog.adapters.tables import products
from shared_kernel.files.export import Export, in_pages
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared

COLUMNS = (
    "sku",
    "name",
    "description",
    "price_minor_units",
    "price_currency",
    "status",
)
_PAGE = Prepared(
    sa.select(*(products.c[column] for column in COLUMNS), products.c.folded_sku)
    .where(products.c.folded_sku > sa.bindparam("after"))
    .order_by(products.c.folded_sku)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_COUNT = Prepared(sa.select(sa.func.count()).select_from(products))


@contextlib.contextmanager
def exported_products(database: Database) -> Iterator[Export]:
    """As of one moment, whatever is changed meanwhile."""
    with database.snapshot() as connection:
        (total,) = _COUNT.row(connection, {}) or (0,)
        yield Export(
            title="Products",
            columns=COLUMNS,
            total=total,
            pages=in_pages(_PAGE, connection),
        )
