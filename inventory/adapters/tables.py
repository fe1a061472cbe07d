"""Inventory's tables. Quantities are pieces; moments are microseconds since 1970."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    MetaData,
    String,
    Table,
)

from inventory.domain.value_objects import LONGEST_ORDER_CODE

metadata = MetaData()

stock_items = Table(
    "stock_items",
    metadata,
    Column("sku", String(64), primary_key=True),
    Column("on_hand", BigInteger, nullable=False),
    Column("reorder_point", BigInteger, nullable=False),
    Column("retired", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    # The sum of the item's reservations.
    Column("reserved", BigInteger, nullable=False),
    Column("last_counted_us", BigInteger),
    sqlite_with_rowid=False,
)

# The order comes first in the key: an order has few lines, an item any number of
# reservations. `placed` keeps the order of placing within one stock item.
reservations = Table(
    "reservations",
    metadata,
    Column("order_reference", String(LONGEST_ORDER_CODE), primary_key=True),
    Column("sku", ForeignKey(stock_items.c.sku), primary_key=True),
    Column("pieces", BigInteger, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    Column("placed", BigInteger, nullable=False),
    Index("reservations_by_until", "until_us"),
    Index("reservations_by_placed", "sku", "placed", unique=True),
    sqlite_with_rowid=False,
)

# `shipped_version` numbers the latest fact among those of its stock item.
shipments = Table(
    "shipments",
    metadata,
    Column("order_reference", String(LONGEST_ORDER_CODE), primary_key=True),
    Column("sku", ForeignKey(stock_items.c.sku), primary_key=True),
    Column("pieces", BigInteger, nullable=False),
    Column("shipped_version", BigInteger, nullable=False),
    Column("returned", BigInteger, nullable=False),
    Column("complete", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

# Of the delivery notes that were given; kept for good, so that none is booked twice.
receipts = Table(
    "receipts",
    metadata,
    Column("reference", String(80), primary_key=True),
    Column("sku", ForeignKey(stock_items.c.sku), primary_key=True),
    Column("pieces", BigInteger, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# By the digest of the file: counts and receipts that were booked from its rows.
file_rows = Table(
    "file_rows",
    metadata,
    Column("file", String(64), primary_key=True),
    Column("row", BigInteger, primary_key=True, autoincrement=False),
    Column("booked_us", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Order lines that came in files. `file_digest` identifies a file by its contents; it is
# empty for a line that has a name given by people.
order_lines = Table(
    "order_lines",
    metadata,
    Column("order_reference", String(LONGEST_ORDER_CODE), primary_key=True),
    Column("sku", ForeignKey(stock_items.c.sku), primary_key=True),
    Column("pieces", BigInteger, nullable=False),
    Column("file_digest", String(16), nullable=False),
    Column("file_name", String(255), nullable=False),
    Column("row_number", BigInteger, nullable=False),
    Column("shipped_us", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
