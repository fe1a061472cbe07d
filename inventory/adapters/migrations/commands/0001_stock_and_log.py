"""Stock items, the log of what happened to them, and how far the catalog was read."""

from alembic import op

from inventory.adapters.tables import metadata
from shared_kernel.adapters.migrations.kernel_tables import (
    create_log_tables,
    create_subscription_tables,
)

revision = "0001"
down_revision = None


def upgrade() -> None:
    metadata.create_all(op.get_bind())
    create_log_tables()
    create_subscription_tables()
