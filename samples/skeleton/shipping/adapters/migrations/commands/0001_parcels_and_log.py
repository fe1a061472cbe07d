"""Parcels, the products of the catalog, and the event log."""

import sqlalchemy as sa
from alembic import op

from shared_kernel.migrations.beginnings import begin_with_log, end_with_log
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
        "parcels",
        sa.Column("reference", sa.String(80), primary_key=True),
        sa.Column("sku", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "products",
        sa.Column("sku", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("sold", sa.Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    begin_with_log()
    let_dead_letters_tell_why()
    let_edits_stay()


def downgrade() -> None:
    let_edits_go()
    let_dead_letters_forget_why()
    end_with_log()
    op.drop_table("products")
    op.drop_table("parcels")
