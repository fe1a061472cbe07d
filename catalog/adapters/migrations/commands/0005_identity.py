"""The log has an identity and a key, and cursors name the log they follow."""

from shared_kernel.migrations.kernel_tables import (
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


def downgrade() -> None:
    let_cursors_forget_the_log()
    take_the_identity_away()
