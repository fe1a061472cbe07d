"""Imports, and the queue from which workers take their parts."""

import sqlalchemy as sa
from alembic import op

from shared_kernel.migrations.kernel_tables import (
    create_queue_tables,
    drop_queue_tables,
)

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    create_queue_tables()
    op.create_table(
        "product_imports",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("columns", sa.Text, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("begun_us", sa.BigInteger, nullable=False),
        sa.Column("received_us", sa.BigInteger),
        sa.Column("cancelled_us", sa.BigInteger),
    )
    op.create_table(
        "product_import_parts",
        sa.Column("import_id", sa.Text, primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("handled", sa.Integer, nullable=False),
        sa.Column("registered", sa.Integer, nullable=False),
        sa.Column("skipped", sa.Integer, nullable=False),
        sa.Column("refused", sa.Integer, nullable=False),
        sa.Column("changed_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "product_import_refusals",
        sa.Column("import_id", sa.Text, primary_key=True),
        sa.Column("row", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("cells", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    for table in ("product_import_refusals", "product_import_parts", "product_imports"):
        op.drop_table(table)
    drop_queue_tables()
