"""Imports have options: updates and dry runs, and what is to be said of their files."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_IMPORTS, _PARTS = "product_imports", "product_import_parts"


def upgrade() -> None:
    _add(_IMPORTS, "options", sa.Text(), "{}")
    _add(_IMPORTS, "remarks", sa.Text(), "")
    _add(_IMPORTS, "left_out", sa.BigInteger(), "0")
    _add(_PARTS, "updated", sa.Integer(), "0")
    _add(_PARTS, "remarks", sa.Text(), "")
    _add(_PARTS, "versions", sa.Text(), "")
    op.create_table(
        "product_import_rows",
        sa.Column("import_id", sa.Text, primary_key=True),
        sa.Column("row", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_index(
        "product_import_rows_by_key", "product_import_rows", ["import_id", "key"]
    )


def downgrade() -> None:
    op.drop_table("product_import_rows")
    for name in ("versions", "remarks", "updated"):
        op.drop_column(_PARTS, name)
    for name in ("left_out", "remarks", "options"):
        op.drop_column(_IMPORTS, name)


def _add(table: str, name: str, kind: sa.types.TypeEngine[Any], default: str) -> None:
    column = sa.Column(name, kind, nullable=False, server_default=default)
    op.add_column(table, column)
