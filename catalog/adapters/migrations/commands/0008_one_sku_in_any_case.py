"""SKUs that differ only in case or compatibility form cannot both be registered.

Two products whose SKUs do so already stop the upgrade, which names them: nothing is
guessed about which of them is meant. So does a SKU that is a word of our routes.
"""

from itertools import groupby

import sqlalchemy as sa
from alembic import op

from shared_kernel.domain.foreign_names import folded
from shared_kernel.storage.errors import StorageUnavailableError

revision = "0008"
down_revision = "0007"

MOST_NAMED = 10
WORD_OF_A_ROUTE = "imports"

_products = sa.table("products", sa.column("sku"), sa.column("folded_sku"))


def upgrade() -> None:
    connection = op.get_bind()
    skus = list(connection.scalars(sa.select(_products.c.sku)))
    _refuse_collisions(skus)
    op.add_column(
        "products",
        sa.Column("folded_sku", sa.Text, nullable=False, server_default=""),
    )
    if skus:
        connection.execute(
            sa.update(_products)
            .where(_products.c.sku == sa.bindparam("of"))
            .values(folded_sku=sa.bindparam("it_is")),
            [{"of": sku, "it_is": folded(sku)} for sku in skus],
        )
    op.create_index("products_folded_sku", "products", ["folded_sku"], unique=True)


def downgrade() -> None:
    op.drop_index("products_folded_sku", "products")
    op.drop_column("products", "folded_sku")


def _refuse_collisions(skus: list[str]) -> None:
    same = [
        " and ".join(sorted(each))
        for _, each in _grouped(skus)
        if len(each) > 1 or each[0] == WORD_OF_A_ROUTE
    ]
    if same:
        more = f" and {len(same) - MOST_NAMED} more" if len(same) > MOST_NAMED else ""
        raise StorageUnavailableError(
            "the catalog's database cannot be upgraded, and nothing was done: these "
            "SKUs are the same but for case or compatibility form, or a word of our "
            f"URLs: {'; '.join(same[:MOST_NAMED])}{more}. With the version of before, "
            "register all but one under other SKUs and discontinue them; then delete "
            "their rows of the table products"
        )


def _grouped(skus: list[str]) -> list[tuple[str, list[str]]]:
    ordered = sorted(skus, key=folded)
    return [(key, list(each)) for key, each in groupby(ordered, key=folded)]
