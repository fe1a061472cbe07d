"""Products, and the log of what happened to them."""

from alembic import op

from catalog.adapters.tables import metadata
from shared_kernel.adapters.migrations.kernel_tables import create_log_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    metadata.create_all(op.get_bind())
    create_log_tables()
