"""Who reads an event again applies it as an operator has edited it."""

from shared_kernel.migrations.dead_letter_tables import let_edits_go, let_edits_stay

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    let_edits_stay()


def downgrade() -> None:
    let_edits_go()
