"""The stock movements and their cursor."""

import sqlalchemy as sa
from alembic import op

from shared_kernel.migrations.kernel_tables import (
    create_subscription_tables,
    drop_subscription_tables,
)

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "stock_movements",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sku", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("stock_movements_sku", "stock_movements", ["sku", "position"])
    create_subscription_tables()


def downgrade() -> None:
    drop_subscription_tables()
    op.drop_table("stock_movements")
