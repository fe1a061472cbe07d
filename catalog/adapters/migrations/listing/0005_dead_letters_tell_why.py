"""Dead letters tell why, and what operators did with them."""

from shared_kernel.migrations.dead_letter_tables import (
    let_dead_letters_forget_why,
    let_dead_letters_tell_why,
)

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    let_dead_letters_tell_why()


def downgrade() -> None:
    let_dead_letters_forget_why()
