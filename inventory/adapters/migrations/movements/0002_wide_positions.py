"""Positions in PostgreSQL go as far as those of the log; SQLite's do so already."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("stock_movements", "position", type_=sa.BigInteger)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("stock_movements", "position", type_=sa.Integer)
