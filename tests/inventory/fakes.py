"""Inventory's ports in memory."""

from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from inventory.domain.errors import UnknownStockItem
from inventory.domain.stock_item import StockItem
from inventory.domain.stock_items import About
from shared_kernel.domain.event import DomainEvent
from shared_kernel.domain.sku import Sku


class FakeStockItems:
    def __init__(self, *items: StockItem) -> None:
        self.by_sku = {item.sku: item for item in items}

    def find(self, sku: Sku, about: About | None = None) -> StockItem | None:
        return self.by_sku.get(sku)

    def get(self, sku: Sku, about: About | None = None) -> StockItem:
        item = self.find(sku, about)
        if item is None:
            raise UnknownStockItem(sku=sku.code)
        return item

    def add(self, item: StockItem) -> None:
        self.by_sku[item.sku] = item

    def with_expired_reservations(
        self, now: datetime, limit: int
    ) -> Sequence[StockItem]:
        due = [
            item
            for item in self.by_sku.values()
            if any(held.until <= now for held in item.reservations.values())
        ]
        return due[:limit]

    def load_newest_reservations(self, item: StockItem, pieces: int) -> None:
        """All are loaded."""


class FakeInventoryWork:
    """`kept` has the events up to the last commit."""

    def __init__(self, *items: StockItem) -> None:
        self.stock_items = FakeStockItems(*items)
        self.kept: list[DomainEvent] = []
        self.commits = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def commit(self) -> None:
        self.commits += 1
        for item in self.stock_items.by_sku.values():
            self.kept.extend(event for _, event in item.collect())
