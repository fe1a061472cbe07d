"""Order lines have names of their own, and are known by the files they came in."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_REFERENCING = ("reservations", "shipments")


def upgrade() -> None:
    _let_references_have(162)
    op.create_table(
        "order_lines",
        sa.Column("order_reference", sa.String(162), primary_key=True),
        sa.Column(
            "sku", sa.String(64), sa.ForeignKey("stock_items.sku"), primary_key=True
        ),
        sa.Column("pieces", sa.BigInteger, nullable=False),
        sa.Column("file_digest", sa.String(16), nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False),
        sa.Column("row_number", sa.BigInteger, nullable=False),
        sa.Column("shipped_us", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("order_lines")
    _let_references_have(80)


def _let_references_have(characters: int) -> None:
    for table in _REFERENCING:
        # SQLite has to copy the table for this.
        with op.batch_alter_table(
            table, table_kwargs={"sqlite_with_rowid": False}
        ) as changed:
            changed.alter_column(
                "order_reference",
                existing_type=sa.String,
                existing_nullable=False,
                type_=sa.String(characters),
            )
