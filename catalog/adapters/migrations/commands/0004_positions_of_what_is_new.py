"""PostgreSQL looks for entries without a position only among the newest."""

from shared_kernel.migrations.log_positions import (
    look_at_all_there_was,
    look_only_at_what_is_new,
)

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    look_only_at_what_is_new()


def downgrade() -> None:
    look_at_all_there_was()
