"""Cursors name the log they follow, and the last event applied of it."""

from shared_kernel.adapters.migrations.kernel_tables import (
    let_cursors_forget_the_log,
    let_cursors_name_the_log,
)

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    let_cursors_name_the_log()


def downgrade() -> None:
    let_cursors_forget_the_log()
