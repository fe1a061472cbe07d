"""Fills a Storehouse's databases with many products, within seconds.

The application itself registers one product. SQL then multiplies its rows in each
table, so all rows are as the application writes them. Each product has a unique word in
its name, and a few are low in stock.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from app import Settings, assemble
from catalog.application.commands import RegisterProduct
from catalog.application.handlers import register_product
from catalog.domain.value_objects import OpeningStock, Price, ProductName
from shared_kernel.domain.sku import Sku
from tests.databases import OWNERS, Schemas

FIRST = "FILL-0000000"
NAME = "Product"
LOW = 20
"""Products, however many there are."""

_SKU = f"'{FIRST[:5]}' || lpad(number::text, 7, '0')"
_NAME = f"'{NAME} ' || substr(md5(number::text), 1, 8)"
_IS_LOW = f"number % ({{products}} / {LOW}) = {{products}} / {LOW} / 2"
_AVAILABILITY = f"CASE WHEN {_IS_LOW} THEN 'low' ELSE 'in_stock' END"
_OTHERS = "generate_series(1, {more}) AS number"

_ID = "md5({of} || {at})::uuid::text"
"""The id of the event at that position in the log of that source."""


def _in_bytes(column: str) -> str:
    text = f"convert_from({column}, 'UTF8')"
    for first, each in (
        (FIRST, _SKU),
        (f'"{NAME}"', f"""'"' || {_NAME} || '"'"""),
        ('"in_stock"', f"""'"' || {_AVAILABILITY} || '"'"""),
    ):
        text = f"replace({text}, '{first}', {each})"
    return f"convert_to({text}, 'UTF8')"


def word_of(number: int) -> str:
    """A word only in the name of that product, such as `FILL-0000123` for 123."""
    digest = hashlib.md5(str(number).encode(), usedforsecurity=False)
    return digest.hexdigest()[:8]


_LOG = f"""
    INSERT INTO event_log (position, id, type, key, time_us, traceparent, data)
    SELECT position + number, {_ID.format(of="'{owner}'", at="(position + number)")},
           type, {_SKU}, time_us, traceparent, {_in_bytes("data")}
    FROM event_log, {_OTHERS} WHERE position = 1 ORDER BY number"""
_STATEMENTS = {
    "catalog": [
        f"""INSERT INTO products SELECT {_SKU}, {_NAME}, description,
            price_minor_units, price_currency, status, version, lower({_SKU})
            FROM products, {_OTHERS} WHERE sku = '{FIRST}'""",
        _LOG,
    ],
    "catalog_read": [
        f"""INSERT INTO product_listing
            SELECT {_SKU}, registered + number, place + number, {_NAME}, description,
                   price_minor_units, price_currency, status, {_AVAILABILITY},
                   last_updated_us, version, lower({_SKU} || E'\\n' || {_NAME}),
                   {_in_bytes("body")}
            FROM product_listing, {_OTHERS} WHERE code = '{FIRST}'""",
    ],
    "inventory": [
        f"""INSERT INTO stock_items SELECT {_SKU}, on_hand,
            CASE WHEN {_IS_LOW} THEN on_hand ELSE reorder_point END, retired, version
            FROM stock_items, {_OTHERS} WHERE sku = '{FIRST}'""",
        _LOG,
    ],
    "inventory_read": [
        f"""INSERT INTO stock_movements
            SELECT position + number, {_SKU},
                   convert_to(replace(replace(convert_from(body, 'UTF8'),
                       '{FIRST}', {_SKU}), '"position":1,',
                       '"position":' || position + number || ','), 'UTF8')
            FROM stock_movements, {_OTHERS} WHERE position = 1 ORDER BY number""",
    ],
}
# All published events are applied.
_CURSORS = f"""
    UPDATE subscription_cursors
    SET position = {{products}}, last_id = {_ID.format(of="source", at="{products}")}
    WHERE position = 1"""


def fill(databases: Schemas, products: int) -> None:
    """From clean ones to `products` that are listed and in stock."""
    _register_the_first(databases)
    # As many at a time as this machine has cores.
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda owner: _multiply(databases, owner, products), OWNERS))


def _register_the_first(databases: Schemas) -> None:
    storehouse = assemble(Settings.from_environment(databases.environment))
    storehouse.context("catalog").writer.execute(
        register_product,
        RegisterProduct(
            sku=Sku(FIRST),
            name=ProductName(NAME),
            price=Price(1999, "EUR"),
            opening_stock=OpeningStock(5),
        ),
    )
    storehouse.workers.run_until_idle()
    storehouse.stop()


def _multiply(databases: Schemas, owner: str, products: int) -> None:
    with closing(databases.server.connect(databases.database)) as connection:
        connection.execute(f"SET search_path TO {owner}".encode())
        for statement in [*_STATEMENTS[owner], _CURSORS]:
            sql = statement.format(owner=owner, more=products - 1, products=products)
            connection.execute(sql.encode())
        connection.execute("VACUUM ANALYZE")
