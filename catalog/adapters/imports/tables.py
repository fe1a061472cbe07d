"""Tables of imports. Counts are in rows, times in microseconds since 1970."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

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
    # As JSON: what it was asked to do, and what is to be said of its file.
    Column("options", Text, nullable=False),
    Column("remarks", Text, nullable=False),
    # Rows of a foreign file that are nothing to us.
    Column("left_out", BigInteger, nullable=False),
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
    Column("updated", Integer, nullable=False),
    # As JSON: what is to be said of its rows, and, for an update, the versions of their
    # products when they were sent.
    Column("remarks", Text, nullable=False),
    Column("versions", Text, nullable=False),
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

rows = Table(
    "product_import_rows",
    metadata,
    Column("import_id", Text, primary_key=True),
    Column("row", BigInteger, primary_key=True, autoincrement=False),
    # One for all SKUs that are the same.
    Column("key", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    # Of an update: what differs, and the version of the product after it.
    Column("detail", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    # Of a dry run: the values of a row that would change something.
    Column("content", LargeBinary, nullable=False),
    Index("product_import_rows_by_key", "import_id", "key"),
)
