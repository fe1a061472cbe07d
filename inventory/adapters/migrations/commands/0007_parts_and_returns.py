"""An order may ship in parts, and return what it has shipped."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column(
        "shipments",
        sa.Column("returned", sa.BigInteger, nullable=False, server_default="0"),
    )
    # Until now an order shipped all that it held.
    op.add_column(
        "shipments",
        sa.Column("complete", sa.Boolean, nullable=False, server_default=sa.true()),
    )


def downgrade() -> None:
    op.drop_column("shipments", "complete")
    op.drop_column("shipments", "returned")
