"""The port to all stock items."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from inventory.domain.stock_item import StockItem
from inventory.domain.value_objects import DeliveryNote, OrderReference
from shared_kernel.domain.sku import Sku

About = OrderReference | DeliveryNote


class StockItemRepository(Protocol):
    """All stock items, each loaded with what is known `about` one thing.

    That is what an order holds and has shipped, or what came in by a delivery note.
    """

    def find(self, sku: Sku, about: About | None = None) -> StockItem | None: ...

    def get(self, sku: Sku, about: About | None = None) -> StockItem:
        """Raises UnknownStockItem."""
        ...

    def add(self, item: StockItem) -> None: ...

    def with_expired_reservations(
        self, now: datetime, limit: int
    ) -> Sequence[StockItem]:
        """The items with the `limit` reservations that ended first, and these."""
        ...

    def load_newest_reservations(self, item: StockItem, pieces: int) -> None:
        """Load the newest of `item` until they hold `pieces` or more together."""
        ...
