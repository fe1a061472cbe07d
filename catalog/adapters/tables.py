"""The catalog's own table. Prices are in minor units of an ISO 4217 currency."""

from sqlalchemy import BigInteger, Column, MetaData, String, Table, Text

metadata = MetaData()

products = Table(
    "products",
    metadata,
    Column("sku", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    Column("description", String(4000)),
    Column("price_minor_units", BigInteger),
    Column("price_currency", String(3)),
    Column("status", String(20), nullable=False),
    Column("version", BigInteger, nullable=False),
    # The same for SKUs that differ only in case or compatibility form.
    Column("folded_sku", Text, primary_key=True),
    sqlite_with_rowid=False,
)
