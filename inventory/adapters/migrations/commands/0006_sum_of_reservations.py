"""Stock items have the sum of their reservations, which are found by their order."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_SUM = """
    UPDATE stock_items SET reserved = (
        SELECT COALESCE(SUM(pieces), 0) FROM reservations
        WHERE reservations.sku = stock_items.sku)"""
_COPY = """
    INSERT INTO reservations (order_reference, sku, pieces, until_us, placed)
    SELECT order_reference, sku, pieces, until_us, placed FROM former_reservations"""


def upgrade() -> None:
    op.add_column(
        "stock_items",
        sa.Column("reserved", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.execute(_SUM)
    _let_the_key_be("order_reference", "sku")
    op.create_index(
        "reservations_by_placed", "reservations", ["sku", "placed"], unique=True
    )


def downgrade() -> None:
    op.drop_index("reservations_by_placed", "reservations")
    _let_the_key_be("sku", "order_reference")
    op.drop_column("stock_items", "reserved")


def _let_the_key_be(*columns: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("reservations_pkey", "reservations")
        op.create_primary_key("reservations_pkey", "reservations", list(columns))
        return
    # SQLite keeps the rows in the order of their key: it needs another table.
    op.drop_index("reservations_by_until", "reservations")
    op.rename_table("reservations", "former_reservations")
    kinds = {
        "sku": sa.Column(
            "sku", sa.String(64), sa.ForeignKey("stock_items.sku"), primary_key=True
        ),
        "order_reference": sa.Column(
            "order_reference", sa.String(80), primary_key=True
        ),
    }
    op.create_table(
        "reservations",
        *(kinds[column] for column in columns),
        sa.Column("pieces", sa.BigInteger, nullable=False),
        sa.Column("until_us", sa.BigInteger, nullable=False),
        sa.Column("placed", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("reservations_by_until", "reservations", ["until_us"])
    op.execute(_COPY)
    op.drop_table("former_reservations")
