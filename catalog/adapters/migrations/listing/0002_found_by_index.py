"""Indexes, so that rare values are found without reading the whole listing."""

from alembic import op

revision = "0002"
down_revision = "0001"

# In our own schema only if there is no `public`: dropping our schema would also drop
# all indexes in the database that use the extension.
_PLACE_FOR_IT = """
    SELECT coalesce(CAST(to_regnamespace('public') AS text),
                    quote_ident(current_schema()))"""
# It may have been installed in any schema.
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
    # The extension stays: others in the database may be using it.
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index("product_listing_sought", "product_listing")
    op.drop_index("product_listing_availability", "product_listing")


def _schema_of_trigrams() -> str:
    """The schema of pg_trgm, which is installed if it was not."""
    connection = op.get_bind()
    place = connection.exec_driver_sql(_PLACE_FOR_IT).scalar_one()
    op.execute(f"CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA {place}")
    return str(connection.exec_driver_sql(_ITS_PLACE).scalar_one())
