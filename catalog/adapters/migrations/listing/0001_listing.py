"""The product listing, and how far it has read."""

from alembic import op

from catalog.read_model.product_listing import metadata
from shared_kernel.adapters.migrations.kernel_tables import create_subscription_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    metadata.create_all(op.get_bind())
    create_subscription_tables()
