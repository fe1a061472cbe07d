"""What the catalog asks of inventory when it has to be exact."""

from typing import Protocol

from shared_kernel.domain.sku import Sku


class StockLevels(Protocol):
    """Asked while somebody waits, where the listing's availability is not enough."""

    def available(self, sku: Sku) -> int | None:
        """Whole pieces, as of now; None where no stock item has this SKU."""
