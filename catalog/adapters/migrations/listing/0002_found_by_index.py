"""Indexes, so that what is rare is found without reading the whole listing."""

from alembic import op

revision = "0002"
down_revision = "0001"

# Not in our own schema if it can be helped: who drops that one would drop the indexes
# of all others in the database that are made with it.
_PLACE_FOR_IT = """
    SELECT coalesce(CAST(to_regnamespace('public') AS text),
                    quote_ident(current_schema()))"""
# Whoever installed it may have put it anywhere.
_ITS_PLACE = """
    SELECT CAST(CAST(extnamespace AS regnamespace) AS text) FROM pg_extension
    WHERE extname = 'pg_trgm'"""


def upgrade() -> None:
    op.create_index(
        "product_listing_availability", "product_listing", ["availability", "place"]
    )
    if op.get_bind().dialect.name == "postgresql":
        op.create_index(
            "product_listing_sought",
            "product_listing",
            ["sought"],
            postgresql_using="gin",
            postgresql_ops={"sought": f"{_schema_of_trigrams()}.gin_trgm_ops"},
        )


def downgrade() -> None:
    # The extension stays: it is the database's, and others may be using it.
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index("product_listing_sought", "product_listing")
    op.drop_index("product_listing_availability", "product_listing")


def _schema_of_trigrams() -> str:
    """Where pg_trgm is, by now."""
    connection = op.get_bind()
    place = connection.exec_driver_sql(_PLACE_FOR_IT).scalar_one()
    op.execute(f"CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA {place}")
    return str(connection.exec_driver_sql(_ITS_PLACE).scalar_one())
