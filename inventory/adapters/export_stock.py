"""All stock items as `inventory import-counts` reads them, by SKU."""

import contextlib
from collections.abc import Iterator

import sqlalchemy as sa

from inventory.adapters.tables import stock_items
from shared_kernel.files.export import Export, in_pages
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared

COLUMNS = ("sku", "on_hand", "reorder_point")
_PAGE = Prepared(
    sa.select(*(stock_items.c[column] for column in COLUMNS))
    .where(stock_items.c.sku > sa.bindparam("after"))
    .order_by(stock_items.c.sku)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_COUNT = Prepared(sa.select(sa.func.count()).select_from(stock_items))


@contextlib.contextmanager
def exported_stock(database: Database) -> Iterator[Export]:
    """As of one moment, whatever moves meanwhile."""
    with database.snapshot() as connection:
        (total,) = _COUNT.row(connection, {}) or (0,)
        yield Export(
            title="Stock items",
            columns=COLUMNS,
            total=total,
            pages=in_pages(_PAGE, connection),
        )
