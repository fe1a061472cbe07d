"""Products are kept by their folded SKU: one index finds a SKU in any case."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_COLUMNS = (
    "sku, name, description, price_minor_units, price_currency, status, version,"
    " folded_sku"
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("products_pkey", "products")
        op.execute(
            "ALTER TABLE products ADD CONSTRAINT products_pkey"
            " PRIMARY KEY USING INDEX products_folded_sku"
        )
        return
    op.drop_index("products_folded_sku", "products")
    _copy_to_a_table_with_the_key("folded_sku")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("products_pkey", "products")
        op.create_primary_key("products_pkey", "products", ["sku"])
    else:
        _copy_to_a_table_with_the_key("sku")
    op.create_index("products_folded_sku", "products", ["folded_sku"], unique=True)


def _copy_to_a_table_with_the_key(key: str) -> None:
    """SQLite keeps the rows in the order of their key: it needs another table."""
    op.rename_table("products", "former_products")
    op.create_table(
        "products",
        sa.Column("sku", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("description", sa.String(4000)),
        sa.Column("price_minor_units", sa.BigInteger),
        sa.Column("price_currency", sa.String(3)),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("folded_sku", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint(key),
        sqlite_with_rowid=False,
    )
    op.execute(
        f"INSERT INTO products ({_COLUMNS})"  # noqa: S608
        f" SELECT {_COLUMNS} FROM former_products ORDER BY {key}"
    )
    op.drop_table("former_products")
