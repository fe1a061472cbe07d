"""Cursors name the log they follow, and the last event applied of it."""

from alembic import op

from shared_kernel.migrations.kernel_tables import (
    count_what_is_dropped,
    let_cursors_forget_the_log,
    let_cursors_name_the_log,
)

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    let_cursors_name_the_log()
    count_what_is_dropped()


def downgrade() -> None:
    op.drop_table("dropped_messages")
    let_cursors_forget_the_log()
