"""One function for each command; each returns the stock level after it, or the hold.

Those that follow from the catalog's events return nothing: nobody waits for an answer.
They raise the refusals of `inventory.domain.errors`, and StaleVersion.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from inventory.application.commands import (
    CorrectStock,
    CountStock,
    ExpireReservations,
    OpenStock,
    ReceiveStock,
    ReleaseStock,
    ReopenStock,
    ReserveStock,
    RetireStock,
    SetReorderPoint,
    ShipStock,
    TakeBackStock,
)
from inventory.application.unit_of_work import InventoryUnitOfWork
from inventory.domain.stock_item import StockItem
from inventory.domain.stock_items import About
from inventory.domain.value_objects import Hold, OrderReference, StockLevel

_Change = (
    ReceiveStock
    | CountStock
    | CorrectStock
    | ReserveStock
    | ReleaseStock
    | ShipStock
    | TakeBackStock
    | SetReorderPoint
)


def open_stock(command: OpenStock, work: InventoryUnitOfWork) -> None:
    with work:
        item = work.stock_items.find(command.sku)
        if item is None:
            item = StockItem.open(command.sku, command.on_hand)
            work.stock_items.add(item)
        work.commit()


def receive_stock(command: ReceiveStock, work: InventoryUnitOfWork) -> StockLevel:
    with _changing(command, work, command.reference) as item:
        item.receive(command.quantity, command.at, command.reference)
    return item.level


def count_stock(command: CountStock, work: InventoryUnitOfWork) -> StockLevel:
    with _changing(command, work) as item:
        excess = item.reserved - command.counted.pieces
        work.stock_items.load_newest_reservations(item, excess)
        item.count(command.counted, command.reason, command.at, command.counted_by)
    return item.level


def correct_stock(command: CorrectStock, work: InventoryUnitOfWork) -> StockLevel:
    with _changing(command, work) as item:
        excess = item.reserved - item.after(command.difference)
        work.stock_items.load_newest_reservations(item, excess)
        item.correct(command.difference, command.reason)
    return item.level


def reserve_stock(command: ReserveStock, work: InventoryUnitOfWork) -> Hold:
    with _changing(command, work, command.order, command.at) as item:
        item.reserve(
            command.quantity,
            command.order,
            command.until,
            lengthens=command.lengthens,
        )
    return item.hold_of(command.order)


def reserve_and_ship(command: ReserveStock, work: InventoryUnitOfWork) -> None:
    """For what leaves at once. Two facts: each event tells the level after it."""
    with _changing(command, work, command.order, command.at) as item:
        item.reserve(
            command.quantity,
            command.order,
            command.until,
            lengthens=command.lengthens,
        )
    with _changing(command, work, command.order) as item:
        item.ship(command.order)


def release_stock(command: ReleaseStock, work: InventoryUnitOfWork) -> Hold:
    with _changing(command, work, command.order, command.at) as item:
        item.release(command.order)
    return item.hold_of(command.order)


def ship_stock(command: ShipStock, work: InventoryUnitOfWork) -> Hold:
    with _changing(command, work, command.order, command.at) as item:
        item.ship(command.order, command.quantity)
    return item.hold_of(command.order)


def take_back_stock(command: TakeBackStock, work: InventoryUnitOfWork) -> Hold:
    with _changing(command, work, command.order) as item:
        item.take_back(command.order, command.quantity, command.reason)
    return item.hold_of(command.order)


def set_reorder_point(
    command: SetReorderPoint, work: InventoryUnitOfWork
) -> StockLevel:
    with _changing(command, work) as item:
        item.set_reorder_point(command.reorder_point)
    return item.level


def retire_stock(command: RetireStock, work: InventoryUnitOfWork) -> None:
    with work:
        work.stock_items.get(command.sku).retire()
        work.commit()


def reopen_stock(command: ReopenStock, work: InventoryUnitOfWork) -> None:
    with work:
        work.stock_items.get(command.sku).reopen()
        work.commit()


def expire_reservations(command: ExpireReservations, work: InventoryUnitOfWork) -> int:
    """Return how many reservations ended."""
    with work:
        items = work.stock_items.with_expired_reservations(command.now, command.limit)
        expired = sum(item.expire(command.now) for item in items)
        work.commit()
        return expired


@contextmanager
def _changing(
    command: _Change,
    work: InventoryUnitOfWork,
    about: About | None = None,
    at: datetime | None = None,
) -> Iterator[StockItem]:
    """The stock item at the version expected; it is committed at the end.

    What an order holds has ended by the moment `at`, if its time is over.
    """
    with work:
        item = work.stock_items.get(command.sku, about)
        order = about if isinstance(about, OrderReference) else None
        if command.expected_version is not None:
            exists = order is None or item.holds(order, at)
            item.expect(command.expected_version, exists=exists)
        if order is not None and at is not None:
            item.expire_hold(order, at)
        yield item
        work.commit()
