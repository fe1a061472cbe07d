"""A message that a broker delivers again is known by its id."""

from alembic import op

from shared_kernel.migrations.kernel_tables import create_received_messages

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    create_received_messages()


def downgrade() -> None:
    op.drop_table("received_messages")
