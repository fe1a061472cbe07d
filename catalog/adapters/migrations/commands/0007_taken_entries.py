"""Messages of other programs are taken once, though a worker may be killed."""

from alembic import op

from shared_kernel.migrations.kernel_tables import create_taken_entries

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    create_taken_entries()


def downgrade() -> None:
    op.drop_table("taken_entries")
