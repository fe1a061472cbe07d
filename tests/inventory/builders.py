"""Stock items and values for tests, with defaults for irrelevant values."""

from datetime import UTC, datetime, timedelta

from inventory.domain.stock_item import StockItem
from inventory.domain.value_objects import (
    Count,
    OrderReference,
    Quantity,
    Reason,
    ReorderPoint,
)
from shared_kernel.domain.event import DomainEvent
from shared_kernel.domain.sku import Sku

LAMP = Sku("LAMP-0001")
CHAIR = Sku("CHAIR-0001")
A, B, C = OrderReference("A"), OrderReference("B"), OrderReference("C")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=30)
STOCKTAKE = Reason("yearly stocktake")


def a_stock_item(
    sku: Sku = LAMP,
    *,
    on_hand: int = 0,
    reserved: dict[OrderReference, int] | None = None,
    shipped: dict[OrderReference, int] | None = None,
    reorder_point: int = 0,
    retired: bool = False,
) -> StockItem:
    """With `on_hand` pieces left after `shipped`; its events have been collected."""
    shipped = shipped or {}
    item = StockItem.open(sku, Count(on_hand + sum(shipped.values())))
    for order, pieces in shipped.items():
        item.reserve(Quantity(pieces), order, LATER)
        item.ship(order)
    for order, pieces in (reserved or {}).items():
        item.reserve(Quantity(pieces), order, LATER)
    item.set_reorder_point(ReorderPoint(reorder_point))
    if retired:
        item.retire()
    item.collect()
    return item


def recorded(item: StockItem) -> list[DomainEvent]:
    """What `item` recorded since the last call, without the versions."""
    return [event for _, event in item.collect()]


def state(item: StockItem) -> dict[str, object]:
    """All that is loaded of `item`."""
    return {
        "sku": item.sku,
        "version": item.version,
        "on_hand": item.on_hand,
        "reserved": item.reserved,
        "reorder_point": item.reorder_point,
        "retired": item.retired,
        "reservations": dict(item.reservations),
        "shipments": dict(item.shipments),
        "receipts": dict(item.receipts),
        "last_counted": item.last_counted,
    }
