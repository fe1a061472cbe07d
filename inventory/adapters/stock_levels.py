"""Exact stock, for contexts in the same process as inventory."""

import attrs

from inventory.adapters.repository import SqlStockItemRepository
from shared_kernel.domain.sku import Sku
from shared_kernel.storage.database import Database


@attrs.frozen
class SqlStockLevels:
    """Reads the database of the commands."""

    database: Database

    def available(self, sku: Sku) -> int | None:
        """Whole pieces, as of now; None if no stock item has this SKU."""
        with self.database.reading() as connection:
            item = SqlStockItemRepository(connection).find(sku)
        return None if item is None else item.available
