"""The same SKU in another case is found by the index of texts."""

import sqlalchemy as sa
from alembic import op

from shared_kernel.domain.foreign_names import folded

revision = "0006"
down_revision = "0005"

BATCH = 5000

_listing = sa.table("product_listing", *map(sa.column, ("code", "folded_code")))


def upgrade() -> None:
    op.drop_index("product_listing_folded_code", "product_listing")
    op.drop_column("product_listing", "folded_code")


def downgrade() -> None:
    op.add_column("product_listing", sa.Column("folded_code", sa.Text))
    connection, c, after = op.get_bind(), _listing.c, ""
    update = (
        sa.update(_listing)
        .where(c.code == sa.bindparam("of"))
        .values(folded_code=sa.bindparam("folded"))
    )
    codes = sa.select(c.code).order_by(c.code).limit(BATCH)
    while some := connection.scalars(codes.where(c.code > after)).all():
        connection.execute(
            update, [{"of": code, "folded": folded(code)} for code in some]
        )
        after = some[-1]
    op.create_index("product_listing_folded_code", "product_listing", ["folded_code"])
