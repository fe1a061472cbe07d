"""Stock items as `inventory import-counts` reads them, by SKU: all, or some."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.adapters.tables import stock_items
from shared_kernel.files.csv_text import cell_of_name, csv_lines
from shared_kernel.files.export import Export, in_pages
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared, one_of

StockRow = tuple[Any, ...]
COLUMNS = ("sku", "on_hand", "reorder_point")
_ROWS = sa.select(*(stock_items.c[column] for column in COLUMNS))
_NAMED = Prepared(_ROWS.where(one_of(stock_items.c.sku, "keys")))
_PAGE = Prepared(
    _ROWS.add_columns(stock_items.c.sku)
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


def as_csv(rows: Iterable[StockRow]) -> bytes:
    """With the line of the columns."""
    cells = [(cell_of_name(str(sku)), *numbers) for sku, *numbers in rows]
    return csv_lines([COLUMNS, *cells]).encode()


def named(connection: Connection, skus: Sequence[str]) -> list[StockRow]:
    """Those of `skus` that there are, in this order."""
    rows = _NAMED.rows(connection, {"keys": json.dumps(skus)})
    by_sku = {sku: (sku, *numbers) for sku, *numbers in rows}
    return [by_sku[sku] for sku in dict.fromkeys(skus) if sku in by_sku]


def page(
    connection: Connection, after: str, limit: int
) -> tuple[list[StockRow], str | None]:
    """At most `limit` after that SKU, and the last one of them if there are more."""
    found = _PAGE.rows(connection, {"after": after, "limit": limit + 1})
    rows = [row[: len(COLUMNS)] for row in found]
    return rows[:limit], str(rows[limit - 1][0]) if len(rows) > limit else None
