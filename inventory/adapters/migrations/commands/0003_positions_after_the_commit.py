"""PostgreSQL gives positions after the commit; SQLite goes on giving them before."""

from shared_kernel.migrations.log_positions import (
    give_positions_after_the_commit,
    give_positions_by_the_insert,
)

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    give_positions_after_the_commit()


def downgrade() -> None:
    give_positions_by_the_insert()
