"""The settings of inventory alone."""

import attrs

from shared_kernel.runtime.setting import between, database, peer, setting


@attrs.frozen(kw_only=True, slots=False)
class InventorySettings:
    """`docs/running.md` explains each."""

    inventory_url: str | None = peer("INVENTORY_URL")
    inventory_database_url: str = database("INVENTORY_DATABASE_URL", "var/inventory.db")
    inventory_read_database_url: str = database(
        "INVENTORY_READ_DATABASE_URL", "var/inventory_read.db"
    )
    reservation_minutes: int = setting("RESERVATION_MINUTES", 15, between(1, 525_600))
