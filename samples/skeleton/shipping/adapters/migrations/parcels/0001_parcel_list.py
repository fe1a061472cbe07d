"""The parcel list and its cursors."""

import sqlalchemy as sa
from alembic import op

from shared_kernel.migrations.beginnings import begin_with_cursors, end_with_cursors

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "parcel_list",
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    begin_with_cursors()


def downgrade() -> None:
    end_with_cursors()
    op.drop_table("parcel_list")
