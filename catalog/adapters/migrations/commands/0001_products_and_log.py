"""Products, and the log of what happened to them."""

import sqlalchemy as sa
from alembic import op

from shared_kernel.migrations.kernel_tables import (
    create_log_tables,
    drop_log_tables,
)

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "products",
        sa.Column("sku", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("description", sa.String(4000)),
        sa.Column("price_minor_units", sa.BigInteger),
        sa.Column("price_currency", sa.String(3)),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    create_log_tables()


def downgrade() -> None:
    drop_log_tables()
    op.drop_table("products")
