"""SQLite's index of texts: who adds a row also adds its text, where that is due.

That is seldom, but the trigger took half the time of adding a row.
"""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER product_listing_inserted")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER product_listing_inserted AFTER INSERT ON product_listing"
            " WHEN new.place IS NOT NULL BEGIN"
            " INSERT INTO product_search (rowid, sought) SELECT new.place, new.sought"
            " FROM product_search_state WHERE new.place <= indexed_to; END"
        )
