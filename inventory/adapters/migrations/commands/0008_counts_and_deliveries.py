"""Stock items know when they were counted last, and which deliveries came in."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("stock_items", sa.Column("last_counted_us", sa.BigInteger))
    op.create_table(
        "receipts",
        sa.Column("reference", sa.String(80), primary_key=True),
        sa.Column(
            "sku", sa.String(64), sa.ForeignKey("stock_items.sku"), primary_key=True
        ),
        sa.Column("pieces", sa.BigInteger, nullable=False),
        sa.Column("received_us", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("receipts")
    op.drop_column("stock_items", "last_counted_us")
