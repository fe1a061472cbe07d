"""Each command through its handler, on stock items in memory."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from inventory.application import handlers
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
from inventory.domain.errors import InsufficientStock, UnknownStockItem
from inventory.domain.events import StockExpired, StockOpened, StockReserved
from inventory.domain.value_objects import (
    Availability,
    Count,
    Difference,
    Hold,
    Quantity,
    ReorderPoint,
)
from shared_kernel.domain.errors import StaleVersion
from tests.inventory.builders import (
    CHAIR,
    LAMP,
    LATER,
    NOON,
    STOCKTAKE,
    A,
    B,
    C,
    a_stock_item,
)
from tests.inventory.fakes import FakeInventoryWork


def test_opening_stock_adds_a_new_stock_item() -> None:
    work = FakeInventoryWork()

    handlers.open_stock(OpenStock(sku=LAMP, on_hand=Count(5)), work)

    level = work.stock_items.get(LAMP).level
    assert (level.on_hand, level.version) == (5, 1)
    assert work.kept == [StockOpened(sku=LAMP, on_hand=5)]


def test_opening_stock_twice_changes_nothing() -> None:
    work = FakeInventoryWork(a_stock_item(on_hand=2))

    handlers.open_stock(OpenStock(sku=LAMP, on_hand=Count(5)), work)

    assert work.stock_items.get(LAMP).on_hand == 2
    assert work.kept == []


def numbers(hold: Hold) -> tuple[int, int, int]:
    level = hold.level
    return level.on_hand, level.reserved, level.available


def test_each_command_returns_the_stock_level_after_it() -> None:
    work = FakeInventoryWork(a_stock_item(on_hand=0))

    received = handlers.receive_stock(
        ReceiveStock(sku=LAMP, quantity=Quantity(9), at=NOON), work
    )
    counted = handlers.count_stock(
        CountStock(sku=LAMP, counted=Count(8), reason=STOCKTAKE, at=NOON), work
    )
    corrected = handlers.correct_stock(
        CorrectStock(sku=LAMP, difference=Difference(-1), reason=STOCKTAKE), work
    )
    handlers.correct_stock(
        CorrectStock(sku=LAMP, difference=Difference(1), reason=STOCKTAKE), work
    )
    handlers.reserve_stock(
        ReserveStock(sku=LAMP, order=A, quantity=Quantity(2), at=NOON, until=LATER),
        work,
    )
    reserved = handlers.reserve_stock(
        ReserveStock(sku=LAMP, order=B, quantity=Quantity(2), at=NOON, until=LATER),
        work,
    )
    released = handlers.release_stock(ReleaseStock(sku=LAMP, order=A, at=NOON), work)
    shipped = handlers.ship_stock(ShipStock(sku=LAMP, order=B, at=NOON), work)
    returned = handlers.take_back_stock(
        TakeBackStock(sku=LAMP, order=B, quantity=Quantity(1)), work
    )
    low = handlers.set_reorder_point(
        SetReorderPoint(sku=LAMP, reorder_point=ReorderPoint(7)), work
    )

    assert (received.on_hand, received.available) == (9, 9)
    assert (counted.on_hand, counted.available) == (8, 8)
    assert (counted.last_counted, corrected.on_hand) == (NOON, 7)
    assert numbers(reserved) == (8, 4, 4)
    assert numbers(released) == (8, 2, 6)
    assert numbers(shipped) == (6, 0, 6)
    assert numbers(returned) == (7, 0, 7)
    assert (returned.shipped, returned.returned) == (2, 1)
    assert low.availability is Availability.LOW


def test_a_stock_item_is_retired_and_reopened() -> None:
    item = a_stock_item(on_hand=1)
    work = FakeInventoryWork(item)

    handlers.retire_stock(RetireStock(sku=LAMP), work)
    retired = item.availability
    handlers.reopen_stock(ReopenStock(sku=LAMP), work)

    assert retired is Availability.RETIRED
    assert item.availability is Availability.IN_STOCK


def test_a_refused_command_commits_nothing() -> None:
    work = FakeInventoryWork(a_stock_item(on_hand=1))

    with pytest.raises(InsufficientStock):
        handlers.reserve_stock(
            ReserveStock(sku=LAMP, order=A, quantity=Quantity(2), at=NOON, until=LATER),
            work,
        )

    assert work.commits == 0
    assert work.kept == []


def test_a_command_for_a_stock_item_that_was_never_opened_is_refused() -> None:
    work = FakeInventoryWork()

    with pytest.raises(UnknownStockItem, match="LAMP-0001"):
        handlers.receive_stock(
            ReceiveStock(sku=LAMP, quantity=Quantity(1), at=NOON), work
        )


@pytest.mark.parametrize(
    "handle",
    [
        lambda work, seen: handlers.receive_stock(
            ReceiveStock(
                sku=LAMP, quantity=Quantity(1), at=NOON, expected_version=seen
            ),
            work,
        ),
        lambda work, seen: handlers.count_stock(
            CountStock(
                sku=LAMP,
                counted=Count(1),
                reason=STOCKTAKE,
                at=NOON,
                expected_version=seen,
            ),
            work,
        ),
        lambda work, seen: handlers.correct_stock(
            CorrectStock(
                sku=LAMP,
                difference=Difference(1),
                reason=STOCKTAKE,
                expected_version=seen,
            ),
            work,
        ),
        lambda work, seen: handlers.reserve_stock(
            ReserveStock(
                sku=LAMP,
                order=B,
                quantity=Quantity(1),
                at=NOON,
                until=LATER,
                expected_version=seen,
            ),
            work,
        ),
        lambda work, seen: handlers.release_stock(
            ReleaseStock(sku=LAMP, order=A, at=NOON, expected_version=seen), work
        ),
        lambda work, seen: handlers.ship_stock(
            ShipStock(sku=LAMP, order=A, at=NOON, expected_version=seen), work
        ),
        lambda work, seen: handlers.take_back_stock(
            TakeBackStock(
                sku=LAMP, order=C, quantity=Quantity(1), expected_version=seen
            ),
            work,
        ),
        lambda work, seen: handlers.set_reorder_point(
            SetReorderPoint(
                sku=LAMP, reorder_point=ReorderPoint(3), expected_version=seen
            ),
            work,
        ),
    ],
    ids=[
        "receive",
        "count",
        "correct",
        "reserve",
        "release",
        "ship",
        "return",
        "reorder point",
    ],
)
def test_a_command_decided_on_an_older_version_is_refused(
    handle: Callable[[FakeInventoryWork, int], object],
) -> None:
    item = a_stock_item(on_hand=5, reserved={A: 1}, shipped={C: 1})
    work = FakeInventoryWork(item)

    with pytest.raises(StaleVersion):
        handle(work, item.version - 1)
    assert work.kept == []

    handle(work, item.version)
    assert work.kept != []


def test_expiring_returns_how_many_reservations_ended() -> None:
    lamp = a_stock_item(LAMP, on_hand=5, reserved={A: 1, B: 2})
    chair = a_stock_item(CHAIR, on_hand=5, reserved={A: 3})
    work = FakeInventoryWork(lamp, chair)

    none = handlers.expire_reservations(ExpireReservations(now=NOON, limit=9), work)
    all_of_them = handlers.expire_reservations(
        ExpireReservations(now=LATER, limit=9), work
    )

    assert (none, all_of_them) == (0, 3)
    assert work.kept == [
        StockExpired(sku=LAMP, order=A, pieces=1),
        StockExpired(sku=LAMP, order=B, pieces=2),
        StockExpired(sku=CHAIR, order=A, pieces=3),
    ]


def test_a_command_repeated_records_its_fact_once() -> None:
    work = FakeInventoryWork(a_stock_item(on_hand=5))
    command = ReserveStock(
        sku=LAMP, order=A, quantity=Quantity(2), at=NOON, until=LATER
    )

    first = handlers.reserve_stock(command, work)
    again = handlers.reserve_stock(
        ReserveStock(
            sku=LAMP,
            order=A,
            quantity=Quantity(2),
            at=NOON,
            until=LATER + timedelta(hours=1),
            lengthens=False,
        ),
        work,
    )

    assert again == first
    assert work.kept == [StockReserved(sku=LAMP, order=A, pieces=2, until=LATER)]
