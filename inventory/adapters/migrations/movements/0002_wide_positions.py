"""Positions in PostgreSQL are as wide as the log's; in SQLite they already are."""

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
