"""The settings of the catalog alone."""

import attrs

from shared_kernel.runtime.setting import database, peer


@attrs.frozen(kw_only=True, slots=False)
class CatalogSettings:
    """`docs/running.md` explains each."""

    catalog_url: str | None = peer("CATALOG_URL")
    catalog_database_url: str = database("CATALOG_DATABASE_URL", "var/catalog.db")
    catalog_read_database_url: str = database(
        "CATALOG_READ_DATABASE_URL", "var/catalog_read.db"
    )
