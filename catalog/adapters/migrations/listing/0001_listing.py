"""The product listing and its cursors."""

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
        "product_listing",
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("registered", sa.BigInteger),
        sa.Column("place", sa.BigInteger),
        sa.Column("name", sa.Text),
        sa.Column("description", sa.Text),
        sa.Column("price_minor_units", sa.BigInteger),
        sa.Column("price_currency", sa.Text),
        sa.Column("status", sa.Text),
        sa.Column("availability", sa.Text, nullable=False),
        sa.Column("last_updated_us", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger),
        sa.Column("sought", sa.Text),
        sa.Column("body", sa.LargeBinary),
    )
    op.create_index("product_listing_place", "product_listing", ["place"])
    create_subscription_tables()


def downgrade() -> None:
    drop_subscription_tables()
    op.drop_table("product_listing")
