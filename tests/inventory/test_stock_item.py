"""The rules of a stock item, one by one."""

from datetime import timedelta

import pytest

from inventory.domain.errors import (
    CorrectionExceedsStock,
    DeliveryAlreadyReceived,
    InsufficientStock,
    OrderAlreadyShipped,
    ReturnExceedsShipment,
    ShipmentExceedsReservation,
    UnknownReservation,
    UnknownShipment,
)
from inventory.domain.events import (
    ReleasedHold,
    ReorderPointSet,
    ReservationChanged,
    StockCorrected,
    StockCounted,
    StockDepleted,
    StockExpired,
    StockLow,
    StockOpened,
    StockReceived,
    StockReleased,
    StockReopened,
    StockReplenished,
    StockReserved,
    StockRetired,
    StockReturned,
    StockShipped,
)
from inventory.domain.stock_item import StockItem
from inventory.domain.value_objects import (
    Availability,
    Count,
    CountedBy,
    DeliveryNote,
    Difference,
    Quantity,
    Reason,
    ReorderPoint,
    Shipment,
    StockLevel,
)
from shared_kernel.domain.errors import InvalidValue, StaleVersion
from tests.inventory.builders import (
    LAMP,
    LATER,
    NOON,
    STOCKTAKE,
    A,
    B,
    C,
    a_stock_item,
    recorded,
    state,
)

BROKEN = Reason("broken")
NOTE = DeliveryNote("DN-2026/17")


def test_a_stock_item_opens_with_the_pieces_on_hand() -> None:
    item = StockItem.open(LAMP, Count(5))

    assert recorded(item) == [StockOpened(sku=LAMP, on_hand=5)]
    assert item.level == StockLevel(
        sku=LAMP,
        on_hand=5,
        reserved=0,
        available=5,
        availability=Availability.IN_STOCK,
        version=1,
    )


def test_a_stock_item_that_opens_empty_is_out_of_stock_but_was_not_depleted() -> None:
    item = StockItem.open(LAMP, Count(0))

    assert item.availability is Availability.OUT_OF_STOCK
    assert recorded(item) == [StockOpened(sku=LAMP, on_hand=0)]


def test_received_pieces_are_on_hand_and_available() -> None:
    item = a_stock_item(on_hand=2)

    item.receive(Quantity(3), NOON)

    assert (item.on_hand, item.available) == (5, 5)
    assert recorded(item) == [StockReceived(sku=LAMP, pieces=3)]


def test_receiving_when_nothing_is_available_replenishes() -> None:
    item = a_stock_item(on_hand=0)

    item.receive(Quantity(3), NOON)

    assert recorded(item) == [
        StockReceived(sku=LAMP, pieces=3),
        StockReplenished(sku=LAMP),
    ]


def test_replenished_up_to_the_reorder_point_is_low_as_well() -> None:
    item = a_stock_item(on_hand=0, reorder_point=5)

    item.receive(Quantity(5), NOON)

    assert recorded(item)[1:] == [
        StockReplenished(sku=LAMP),
        StockLow(sku=LAMP, reorder_point=5),
    ]


def test_reserved_pieces_stay_on_hand_and_are_no_longer_available() -> None:
    item = a_stock_item(on_hand=5)

    item.reserve(Quantity(2), A, LATER)

    assert (item.on_hand, item.reserved, item.available) == (5, 2, 3)
    assert recorded(item) == [
        StockReserved(sku=LAMP, order=A, pieces=2, until=LATER),
    ]


def test_reserving_more_than_available_is_refused() -> None:
    item = a_stock_item(on_hand=5, reserved={A: 3})

    with pytest.raises(InsufficientStock) as refusal:
        item.reserve(Quantity(3), B, LATER)

    assert (refusal.value.asked, refusal.value.available) == (3, 2)
    assert recorded(item) == []


def test_the_same_reservation_again_is_the_same_reservation() -> None:
    item = a_stock_item(on_hand=5, reserved={A: 3})
    before = state(item)

    item.reserve(Quantity(3), A, LATER)
    item.reserve(Quantity(3), A, LATER - timedelta(hours=1))
    item.reserve(Quantity(3), A, LATER + timedelta(hours=1), lengthens=False)

    assert state(item) == before
    assert recorded(item) == []


def test_of_two_ends_the_later_one_holds() -> None:
    item = a_stock_item(on_hand=5, reserved={A: 3})
    end = LATER + timedelta(hours=1)

    item.reserve(Quantity(3), A, end)

    assert item.hold_of(A).until == end
    assert recorded(item) == [
        ReservationChanged(sku=LAMP, order=A, pieces=3, until=end, pieces_before=3)
    ]


@pytest.mark.parametrize(("pieces", "available"), [(1, 4), (4, 1)])
def test_another_quantity_changes_what_the_order_holds(
    pieces: int, available: int
) -> None:
    item = a_stock_item(on_hand=5, reserved={A: 3})

    item.reserve(Quantity(pieces), A, NOON)

    assert (item.reserved, item.available) == (pieces, available)
    assert recorded(item) == [
        ReservationChanged(
            sku=LAMP, order=A, pieces=pieces, until=LATER, pieces_before=3
        )
    ]


def test_no_more_can_be_added_to_a_hold_than_is_available() -> None:
    item = a_stock_item(on_hand=5, reserved={A: 3})
    before = state(item)

    with pytest.raises(InsufficientStock) as refusal:
        item.reserve(Quantity(6), A, LATER)

    said = refusal.value
    assert (said.asked, said.held, said.available) == (6, 3, 2)
    assert state(item) == before


def test_a_changed_hold_keeps_its_place_among_the_others() -> None:
    item = a_stock_item(on_hand=9, reserved={A: 1, B: 1})

    item.reserve(Quantity(2), A, LATER)
    item.count(Count(2), STOCKTAKE, NOON)

    assert item.reservations.keys() == {A}


def test_what_has_not_shipped_stays_held() -> None:
    item = a_stock_item(on_hand=5, reserved={A: 3})

    item.ship(A, Quantity(1))

    hold = item.hold_of(A)
    assert (hold.held, hold.until, hold.shipped) == (2, LATER, 1)
    assert (item.on_hand, item.reserved, item.available) == (4, 2, 2)
    assert recorded(item) == [StockShipped(sku=LAMP, order=A, pieces=1, still_held=2)]


def test_parts_that_ship_add_up() -> None:
    item = a_stock_item(on_hand=5, reserved={A: 3})

    item.ship(A, Quantity(1))
    item.ship(A)

    assert item.shipments == {A: Shipment(3, version=item.version)}
    assert item.on_hand == 2


def test_no_more_ships_than_is_held() -> None:
    item = a_stock_item(on_hand=5, reserved={A: 3})

    with pytest.raises(ShipmentExceedsReservation) as refusal:
        item.ship(A, Quantity(4))

    assert (refusal.value.asked, refusal.value.held) == (4, 3)
    assert recorded(item) == []


def test_a_number_of_pieces_does_not_ship_twice() -> None:
    item = a_stock_item(on_hand=5, shipped={A: 2})

    with pytest.raises(OrderAlreadyShipped):
        item.ship(A, Quantity(2))


def test_the_rest_of_an_order_that_shipped_in_part_may_be_reserved_again() -> None:
    item = a_stock_item(on_hand=5, reserved={A: 3})
    item.ship(A, Quantity(1))
    item.release(A)
    item.release(A)
    with pytest.raises(UnknownReservation):
        item.ship(A)

    item.reserve(Quantity(2), A, LATER)
    item.ship(A)

    assert item.hold_of(A).shipped == 3


def test_returned_pieces_are_on_hand_again() -> None:
    item = a_stock_item(on_hand=0, shipped={A: 3})

    item.take_back(A, Quantity(2), STOCKTAKE)

    hold = item.hold_of(A)
    assert (hold.shipped, hold.returned, item.on_hand) == (3, 2, 2)
    assert recorded(item) == [
        StockReturned(sku=LAMP, order=A, pieces=2, reason=STOCKTAKE),
        StockReplenished(sku=LAMP),
    ]


def test_no_more_comes_back_than_has_shipped() -> None:
    item = a_stock_item(on_hand=1, shipped={A: 3})
    item.take_back(A, Quantity(2))
    item.collect()

    with pytest.raises(ReturnExceedsShipment) as refusal:
        item.take_back(A, Quantity(2))

    assert (refusal.value.asked, refusal.value.returnable) == (2, 1)
    assert recorded(item) == []


def test_nothing_comes_back_of_an_order_that_has_not_shipped() -> None:
    item = a_stock_item(on_hand=5, reserved={A: 3})

    with pytest.raises(UnknownShipment):
        item.take_back(A, Quantity(1))


def test_an_order_that_has_shipped_cannot_reserve_again() -> None:
    item = a_stock_item(on_hand=5, shipped={A: 3})

    with pytest.raises(OrderAlreadyShipped) as refusal:
        item.reserve(Quantity(3), A, LATER)

    assert refusal.value.shipped == 3


def test_a_reservation_needs_an_aware_datetime() -> None:
    item = a_stock_item(on_hand=5)
    before = state(item)

    with pytest.raises(InvalidValue):
        item.reserve(Quantity(3), A, LATER.replace(tzinfo=None))

    assert state(item) == before


def test_reserving_the_last_piece_depletes() -> None:
    item = a_stock_item(on_hand=1, reorder_point=3)

    item.reserve(Quantity(1), A, LATER)

    assert item.availability is Availability.OUT_OF_STOCK
    assert recorded(item)[1:] == [StockDepleted(sku=LAMP)]


def test_falling_to_the_reorder_point_announces_low_once() -> None:
    item = a_stock_item(on_hand=5, reorder_point=3)

    item.reserve(Quantity(2), A, LATER)
    item.reserve(Quantity(1), B, LATER)

    assert recorded(item) == [
        StockReserved(sku=LAMP, order=A, pieces=2, until=LATER),
        StockLow(sku=LAMP, reorder_point=3),
        StockReserved(sku=LAMP, order=B, pieces=1, until=LATER),
    ]


def test_released_pieces_are_available_again() -> None:
    item = a_stock_item(on_hand=3, reserved={A: 3})

    item.release(A)

    assert (item.on_hand, item.reserved, item.available) == (3, 0, 3)
    assert recorded(item) == [
        StockReleased(sku=LAMP, order=A, pieces=3),
        StockReplenished(sku=LAMP),
    ]


def test_releasing_an_order_without_reservation_records_nothing() -> None:
    item = a_stock_item(on_hand=3)

    item.release(A)

    assert recorded(item) == []


def test_an_order_that_has_shipped_cannot_be_released() -> None:
    item = a_stock_item(on_hand=3, shipped={A: 1})

    with pytest.raises(OrderAlreadyShipped):
        item.release(A)


def test_a_released_order_may_reserve_again() -> None:
    item = a_stock_item(on_hand=3, reserved={A: 3})
    item.release(A)

    item.reserve(Quantity(2), A, LATER)

    assert item.reserved == 2


def test_a_reservation_expires_at_the_moment_it_was_held_until() -> None:
    item = a_stock_item(on_hand=5, reserved={A: 2})

    assert item.expire(LATER - timedelta(microseconds=1)) == 0
    assert item.expire(LATER) == 1

    assert item.available == 5
    assert recorded(item) == [StockExpired(sku=LAMP, order=A, pieces=2)]


def test_of_an_order_only_what_is_due_expires() -> None:
    item = a_stock_item(on_hand=5, reserved={A: 2, B: 1})

    item.expire_hold(A, LATER - timedelta(microseconds=1))
    item.expire_hold(C, LATER)
    assert recorded(item) == []

    assert item.hold_of(A, LATER).held == 0
    item.expire_hold(A, LATER)
    assert list(item.reservations) == [B]
    assert recorded(item) == [StockExpired(sku=LAMP, order=A, pieces=2)]


def test_all_reservations_that_are_due_expire_and_the_others_stay() -> None:
    item = a_stock_item(on_hand=6)
    item.reserve(Quantity(2), A, LATER)
    item.reserve(Quantity(2), B, LATER + timedelta(days=1))
    item.reserve(Quantity(2), C, NOON)
    item.collect()

    assert item.expire(LATER) == 2

    assert list(item.reservations) == [B]
    assert recorded(item) == [
        StockExpired(sku=LAMP, order=A, pieces=2),
        StockExpired(sku=LAMP, order=C, pieces=2),
        StockReplenished(sku=LAMP),
    ]


def test_shipping_takes_the_reserved_pieces_off_the_shelf() -> None:
    item = a_stock_item(on_hand=5, reserved={A: 2})

    item.ship(A)

    assert (item.on_hand, item.reserved, item.available) == (3, 0, 3)
    assert recorded(item) == [StockShipped(sku=LAMP, order=A, pieces=2)]
    assert item.shipments == {A: Shipment(2, version=item.version)}


def test_shipping_an_order_without_reservation_is_refused() -> None:
    item = a_stock_item(on_hand=5)

    with pytest.raises(UnknownReservation):
        item.ship(A)


def test_shipping_an_order_twice_ships_it_once() -> None:
    item = a_stock_item(on_hand=5, shipped={A: 2})

    item.ship(A)

    assert item.on_hand == 5
    assert recorded(item) == []


def counted(on_hand: int, difference: int, *released: ReleasedHold) -> StockCounted:
    return StockCounted(
        sku=LAMP,
        on_hand=on_hand,
        difference=difference,
        reason=STOCKTAKE,
        counted_by=None,
        released=released,
    )


def test_a_stocktake_sets_the_pieces_on_hand() -> None:
    item = a_stock_item(on_hand=5, reserved={A: 2})

    item.count(Count(4), STOCKTAKE, NOON)

    assert (item.on_hand, item.reserved, item.available) == (4, 2, 2)
    assert recorded(item) == [
        counted(4, -1),
    ]


def test_a_stocktake_that_finds_what_was_known_is_recorded() -> None:
    item = a_stock_item(on_hand=5)

    item.count(Count(5), STOCKTAKE, NOON, CountedBy("Ann"))

    assert (item.on_hand, item.level.last_counted) == (5, NOON)
    [fact] = recorded(item)
    assert isinstance(fact, StockCounted)
    assert (fact.difference, fact.counted_by) == (0, CountedBy("Ann"))


@pytest.mark.parametrize(("difference", "on_hand"), [(-2, 3), (4, 9)])
def test_a_correction_books_a_difference(difference: int, on_hand: int) -> None:
    item = a_stock_item(on_hand=5)

    item.correct(Difference(difference), BROKEN)

    assert (item.on_hand, item.level.last_counted) == (on_hand, None)
    assert recorded(item) == [
        StockCorrected(sku=LAMP, difference=difference, reason=BROKEN, released=())
    ]


def test_a_correction_releases_the_newest_reservations_as_a_count_does() -> None:
    item = a_stock_item(on_hand=5, reserved={B: 2, A: 1, C: 1})

    item.correct(Difference(-3), BROKEN)

    assert (item.on_hand, item.reserved) == (2, 2)
    assert recorded(item) == [
        StockCorrected(
            sku=LAMP,
            difference=-3,
            reason=BROKEN,
            released=(ReleasedHold(C, 1), ReleasedHold(A, 1)),
        ),
        StockDepleted(sku=LAMP),
    ]


def test_no_more_can_be_missing_than_is_on_hand() -> None:
    item = a_stock_item(on_hand=5, reserved={A: 2})
    before = state(item)

    with pytest.raises(CorrectionExceedsStock) as refusal:
        item.correct(Difference(-6), BROKEN)

    assert (refusal.value.asked, refusal.value.on_hand) == (6, 5)
    assert state(item) == before


def test_a_delivery_is_received_once() -> None:
    item = a_stock_item(on_hand=5)
    item.receive(Quantity(3), NOON, NOTE)
    assert recorded(item) == [StockReceived(sku=LAMP, pieces=3, reference=NOTE)]
    before = state(item)

    with pytest.raises(DeliveryAlreadyReceived) as refusal:
        item.receive(Quantity(4), LATER, NOTE)

    assert (refusal.value.pieces, refusal.value.received_on) == (3, NOON)
    assert state(item) == before
    item.receive(Quantity(4), LATER)
    item.receive(Quantity(4), LATER)
    assert item.on_hand == 16


def test_a_count_below_the_reserved_pieces_releases_the_newest_reservations() -> None:
    item = a_stock_item(on_hand=9, reserved={B: 3, A: 3, C: 3})

    item.count(Count(4), STOCKTAKE, NOON)

    assert (item.reserved, item.available) == (3, 1)
    assert list(item.reservations) == [B]
    assert recorded(item) == [
        counted(4, -5, ReleasedHold(C, 3), ReleasedHold(A, 3)),
        StockReplenished(sku=LAMP),
    ]


def test_a_count_of_zero_depletes() -> None:
    item = a_stock_item(on_hand=5, reserved={A: 2})

    item.count(Count(0), STOCKTAKE, NOON)

    assert recorded(item)[1:] == [StockDepleted(sku=LAMP)]


def test_raising_the_reorder_point_above_the_available_pieces_makes_stock_low() -> None:
    item = a_stock_item(on_hand=5)

    item.set_reorder_point(ReorderPoint(5))

    assert item.availability is Availability.LOW
    assert recorded(item) == [
        ReorderPointSet(sku=LAMP, reorder_point=5),
        StockLow(sku=LAMP, reorder_point=5),
    ]


def test_the_same_reorder_point_again_records_nothing() -> None:
    item = a_stock_item(on_hand=5, reorder_point=5)

    item.set_reorder_point(ReorderPoint(5))

    assert recorded(item) == []


def test_a_retired_stock_item_takes_in_what_arrives_and_sells_what_is_left() -> None:
    item = a_stock_item(on_hand=5, retired=True)

    item.receive(Quantity(1), NOON)
    item.reserve(Quantity(6), A, LATER)
    with pytest.raises(InsufficientStock):
        item.reserve(Quantity(1), B, LATER)
    item.ship(A)

    assert (item.on_hand, item.availability) == (0, Availability.RETIRED)
    assert {type(event) for event in recorded(item)} == {
        StockReceived,
        StockReserved,
        StockShipped,
    }


def test_a_retired_stock_item_ships_releases_expires_and_is_counted() -> None:
    item = a_stock_item(on_hand=6, reserved={A: 2, B: 2, C: 2}, retired=True)

    item.ship(A)
    item.release(B)
    item.expire(LATER)
    item.count(Count(1), STOCKTAKE, NOON)

    assert item.on_hand == item.available == 1
    assert item.availability is Availability.RETIRED


def test_a_retired_stock_item_announces_neither_depleted_nor_low() -> None:
    item = a_stock_item(on_hand=5, reorder_point=2, retired=True)

    item.count(Count(2), STOCKTAKE, NOON)
    item.count(Count(0), STOCKTAKE, NOON)
    item.count(Count(9), STOCKTAKE, NOON)

    assert {type(event) for event in recorded(item)} == {StockCounted}


def test_retiring_and_reopening_are_recorded_once() -> None:
    item = a_stock_item(on_hand=5)

    item.retire()
    item.retire()
    item.reopen()
    item.reopen()

    assert recorded(item) == [StockRetired(sku=LAMP), StockReopened(sku=LAMP)]
    assert item.availability is Availability.IN_STOCK


def test_a_command_for_another_version_is_refused() -> None:
    item = a_stock_item(on_hand=5)

    item.expect(None)
    item.expect(item.version)
    with pytest.raises(StaleVersion):
        item.expect(item.version - 1)
