"""Texts are found without accents, word by word, and on SQLite by an index as well.

SQLite's index is a table of FTS5. It is filled behind the listing, in the order of the
places: triggers keep what it has up to `indexed_to` as the listing is.
"""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

from catalog.read_model.product_listing import sought_of
from shared_kernel.domain.foreign_names import folded

revision = "0004"
down_revision = "0003"

BATCH = 5000

_listing = sa.table(
    "product_listing",
    *map(sa.column, ("code", "name", "registered", "sought", "folded_code")),
)
_INDEX_OF_TEXTS = (
    # Without positions it is half as large; what it finds is compared with the text.
    (
        "CREATE VIRTUAL TABLE product_search USING fts5(sought,"
        " content='product_listing', content_rowid='place',"
        " tokenize='trigram case_sensitive 1', detail=none, columnsize=0)"
    ),
    "CREATE TABLE product_search_state (indexed_to INTEGER NOT NULL)",
    "INSERT INTO product_search_state VALUES (0)",
)
_ADD_NEW = (
    "INSERT INTO product_search (rowid, sought) SELECT new.place, new.sought"
    " FROM product_search_state WHERE new.place <= indexed_to;"
)
_DELETE_OLD = (
    "INSERT INTO product_search (product_search, rowid, sought)"
    " SELECT 'delete', old.place, old.sought"
    " FROM product_search_state WHERE old.place <= indexed_to;"
)
_TRIGGERS = (
    (
        "CREATE TRIGGER product_listing_inserted AFTER INSERT ON product_listing"
        f" WHEN new.place IS NOT NULL BEGIN {_ADD_NEW} END"
    ),
    (
        "CREATE TRIGGER product_listing_updated AFTER UPDATE OF place, sought"
        " ON product_listing WHEN old.place IS NOT new.place"
        " OR old.sought IS NOT new.sought"
        f" BEGIN {_DELETE_OLD} {_ADD_NEW} END"
    ),
    (
        "CREATE TRIGGER product_listing_deleted AFTER DELETE ON product_listing"
        f" WHEN old.place IS NOT NULL BEGIN {_DELETE_OLD} END"
    ),
)


def upgrade() -> None:
    op.add_column("product_listing", sa.Column("folded_code", sa.Text))
    _write(lambda code, name: (sought_of(code, name), folded(code)))
    op.create_index("product_listing_folded_code", "product_listing", ["folded_code"])
    if op.get_bind().dialect.name == "sqlite":
        for statement in (*_INDEX_OF_TEXTS, *_TRIGGERS):
            op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for change in ("inserted", "updated", "deleted"):
            op.execute(f"DROP TRIGGER product_listing_{change}")
        op.execute("DROP TABLE product_search")
        op.execute("DROP TABLE product_search_state")
    _write(lambda code, name: (f"{code}\n{name}".casefold(), None))
    op.drop_index("product_listing_folded_code", "product_listing")
    op.drop_column("product_listing", "folded_code")


def _write(texts: Callable[[str, str], tuple[str, str | None]]) -> None:
    """`texts` makes `sought` and `folded_code` of code and name."""
    connection = op.get_bind()
    c = _listing.c
    after = ""
    while rows := connection.execute(
        sa.select(c.code, c.name, c.registered)
        .where(c.code > after)
        .order_by(c.code)
        .limit(BATCH)
    ).all():
        written = []
        for code, name, registered in rows:
            sought, folded_code = texts(code, name or "")
            written.append(
                {
                    "of": code,
                    "text": None if registered is None else sought,
                    "folded": folded_code,
                }
            )
        connection.execute(
            sa.update(_listing)
            .where(c.code == sa.bindparam("of"))
            .values(sought=sa.bindparam("text"), folded_code=sa.bindparam("folded")),
            written,
        )
        after = rows[-1][0]
