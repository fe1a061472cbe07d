"""What a handler changes, as one."""

from typing import Protocol

from inventory.domain.stock_items import StockItemRepository
from shared_kernel.domain.unit_of_work import UnitOfWork


class InventoryUnitOfWork(UnitOfWork, Protocol):
    """Stock items and the events they recorded."""

    @property
    def stock_items(self) -> StockItemRepository: ...
