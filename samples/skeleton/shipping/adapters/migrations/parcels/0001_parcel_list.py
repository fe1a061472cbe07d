"""The parcel list and its cursors."""

import sqlalchemy as sa
from alembic import op

from shared_kernel.migrations.beginnings import begin_with_cursors, end_with_cursors
from shared_kernel.migrations.dead_letter_tables import (
    let_dead_letters_forget_why,
    let_dead_letters_tell_why,
    let_edits_go,
    let_edits_stay,
)

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "parcel_list",
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    begin_with_cursors()
    let_dead_letters_tell_why()
    let_edits_stay()


def downgrade() -> None:
    let_edits_go()
    let_dead_letters_forget_why()
    end_with_cursors()
    op.drop_table("parcel_list")
