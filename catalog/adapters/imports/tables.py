"""Tables of imports. Counts are in rows, times in microseconds since 1970."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Table, Text

metadata = MetaData()

product_imports = Table(
    "product_imports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("file", Text, nullable=False),
    Column("columns", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("begun_us", BigInteger, nullable=False),
    Column("received_us", BigInteger),
    Column("cancelled_us", BigInteger),
)

parts = Table(
    "product_import_parts",
    metadata,
    Column("import_id", Text, primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("handled", Integer, nullable=False),
    Column("registered", Integer, nullable=False),
    Column("skipped", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
)

refusals = Table(
    "product_import_refusals",
    metadata,
    Column("import_id", Text, primary_key=True),
    Column("row", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("cells", LargeBinary, nullable=False),
)
