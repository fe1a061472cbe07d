"""The stock movements, and how far they have been read."""

from alembic import op

from inventory.read_model.stock_movements import metadata
from shared_kernel.adapters.migrations.kernel_tables import create_subscription_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    metadata.create_all(op.get_bind())
    create_subscription_tables()
