"""The log has an identity and a key, and cursors name the log they follow."""

from alembic import op

from shared_kernel.migrations.kernel_tables import (
    count_what_is_dropped,
    give_the_log_an_identity,
    let_cursors_forget_the_log,
    let_cursors_name_the_log,
    take_the_identity_away,
)

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    give_the_log_an_identity()
    let_cursors_name_the_log()
    count_what_is_dropped()


def downgrade() -> None:
    op.drop_table("dropped_messages")
    let_cursors_forget_the_log()
    take_the_identity_away()
