"""The tables to which commands and the catalog's events write."""

from sqlalchemy import BigInteger, Boolean, Column, MetaData, String, Table, Text

metadata = MetaData()

parcels = Table(
    "parcels",
    metadata,
    Column("reference", String(80), primary_key=True),
    Column("sku", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# As of the catalog's newest events.
products = Table(
    "products",
    metadata,
    Column("sku", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("sold", Boolean, nullable=False),
    sqlite_with_rowid=False,
)
