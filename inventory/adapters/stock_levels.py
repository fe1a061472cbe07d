"""Exact stock for those who share inventory's process."""

import attrs

from inventory.adapters.repository import SqlStockItemRepository
from shared_kernel.domain.sku import Sku
from shared_kernel.storage.database import Database


@attrs.frozen
class SqlStockLevels:
    """Reads where commands write."""

    database: Database

    def available(self, sku: Sku) -> int | None:
        """Whole pieces, as of now; None where no stock item has this SKU."""
        with self.database.reading() as connection:
            item = SqlStockItemRepository(connection).find(sku)
        return None if item is None else item.available
