"""Stock items, their event log, and the cursor in the catalog's log."""

import sqlalchemy as sa
from alembic import op

from shared_kernel.migrations.kernel_tables import (
    create_log_tables,
    create_subscription_tables,
    drop_log_tables,
    drop_subscription_tables,
)

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "stock_items",
        sa.Column("sku", sa.String(64), primary_key=True),
        sa.Column("on_hand", sa.BigInteger, nullable=False),
        sa.Column("reorder_point", sa.BigInteger, nullable=False),
        sa.Column("retired", sa.Boolean, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reservations",
        sa.Column(
            "sku", sa.String(64), sa.ForeignKey("stock_items.sku"), primary_key=True
        ),
        sa.Column("order_reference", sa.String(80), primary_key=True),
        sa.Column("pieces", sa.BigInteger, nullable=False),
        sa.Column("until_us", sa.BigInteger, nullable=False),
        sa.Column("placed", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("reservations_by_until", "reservations", ["until_us"])
    op.create_table(
        "shipments",
        sa.Column("order_reference", sa.String(80), primary_key=True),
        sa.Column(
            "sku", sa.String(64), sa.ForeignKey("stock_items.sku"), primary_key=True
        ),
        sa.Column("pieces", sa.BigInteger, nullable=False),
        sa.Column("shipped_version", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    create_log_tables()
    create_subscription_tables()


def downgrade() -> None:
    drop_subscription_tables()
    drop_log_tables()
    for table in ("shipments", "reservations", "stock_items"):
        op.drop_table(table)
