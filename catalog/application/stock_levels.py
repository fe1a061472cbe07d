"""The catalog's port to inventory, for exact quantities."""

from typing import Protocol

from shared_kernel.domain.sku import Sku


class StockLevels(Protocol):
    """A synchronous query, where the listing's availability is not enough."""

    def available(self, sku: Sku) -> int | None:
        """Whole pieces, as of now; None if no stock item has this SKU."""
