"""Stock items in a real database, of each kind."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event

from inventory.adapters.repository import NEWEST_AT_ONCE, SqlStockItemRepository
from inventory.adapters.tables import metadata
from inventory.domain.errors import UnknownStockItem
from inventory.domain.events import StockCounted
from inventory.domain.stock_item import StockItem
from inventory.domain.stock_items import About
from inventory.domain.value_objects import (
    Count,
    DeliveryNote,
    OrderReference,
    Quantity,
    Receipt,
    Reservation,
    Shipment,
)
from shared_kernel.domain.errors import DomainError
from shared_kernel.domain.sku import Sku
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import ConcurrentUpdateError
from shared_kernel.storage.prepared import Prepared, Row, Values
from tests.databases import Databases
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
    recorded,
    state,
)
from tests.inventory.strategies import Act, acts, counts

O2_ENDS = NOON + timedelta(minutes=2)
NOTE = DeliveryNote("DN-2026/17")
O7, O8 = OrderReference("O7"), OrderReference("O8")


@pytest.fixture
def database(databases: Databases) -> Iterator[Database]:
    database = Database(databases.url("inventory"), synchronous="NORMAL")
    yield database
    database.close()


def save(database: Database, *items: StockItem) -> None:
    with database.writing() as connection:
        stock_items = SqlStockItemRepository(connection)
        for item in items:
            stock_items.add(item)
        stock_items.changed()
        stock_items.flush()


def load(database: Database, sku: Sku, *abouts: About) -> StockItem:
    with database.reading() as connection:
        stock_items = SqlStockItemRepository(connection)
        stock_items.prefetch((sku, about) for about in abouts)
        return stock_items.get(sku)


def test_every_field_of_a_stock_item_is_read_as_it_was_saved(
    database: Database,
) -> None:
    item = a_stock_item(on_hand=9, shipped={C: 4}, reorder_point=2, retired=True)
    item.reopen()
    item.receive(Quantity(1), NOON, NOTE)
    item.count(Count(9), STOCKTAKE, NOON)
    item.reserve(Quantity(2), B, LATER + timedelta(microseconds=1))
    item.reserve(Quantity(3), A, LATER)
    item.retire()

    save(database, item)

    assert state(load(database, LAMP, A, B, C, NOTE)) == state(item)


def test_an_update_writes_every_field(database: Database) -> None:
    save(database, a_stock_item(on_hand=9, reserved={A: 1, B: 2}))
    changed = a_stock_item(on_hand=9, reserved={A: 1, B: 2})

    with database.writing() as connection:
        stock_items = SqlStockItemRepository(connection)
        stock_items.prefetch([(LAMP, A), (LAMP, B), (LAMP, C)])
        for item in (stock_items.get(LAMP), changed):
            item.ship(A)
            item.release(B)
            item.reserve(Quantity(3), C, LATER)
            item.reserve(Quantity(1), B, NOON)
            item.count(Count(20), STOCKTAKE, NOON)
            item.receive(Quantity(1), LATER, NOTE)
            item.retire()
        stock_items.changed()
        stock_items.flush()

    assert state(load(database, LAMP, A, B, C, NOTE)) == state(changed)


def test_reservations_keep_the_order_of_placing_across_transactions(
    database: Database,
) -> None:
    save(database, a_stock_item(on_hand=9, reserved={C: 1, B: 1}))

    with database.writing() as connection:
        stock_items = SqlStockItemRepository(connection)
        stock_items.get(LAMP, C).release(C)
        stock_items.get(LAMP, A).reserve(Quantity(1), A, LATER)
        stock_items.get(LAMP, C).reserve(Quantity(1), C, LATER)
        stock_items.changed()
        stock_items.flush()

    held = load(database, LAMP, A, B, C).reservations
    assert sorted(held, key=lambda order: held[order].placed) == [B, A, C]


def test_an_unknown_stock_item_is_not_found(database: Database) -> None:
    with database.reading() as connection:
        stock_items = SqlStockItemRepository(connection)

        assert stock_items.find(LAMP) is None
        with pytest.raises(UnknownStockItem):
            stock_items.get(LAMP)


def test_only_what_the_orders_asked_for_hold_and_have_shipped_is_read(
    database: Database,
) -> None:
    save(database, a_stock_item(on_hand=9, shipped={A: 1, B: 2, C: 3}))
    save(database, a_stock_item(CHAIR, on_hand=9, reserved={A: 1, B: 2, C: 3}))

    with database.reading() as connection:
        stock_items = SqlStockItemRepository(connection)
        assert stock_items.get(LAMP).shipments == {}
        assert stock_items.get(LAMP, A).shipments == {A: Shipment(1, version=3)}
        assert stock_items.get(LAMP, C).shipments.keys() == {A, C}
        chair = stock_items.get(CHAIR)
        assert (chair.reservations, chair.reserved) == ({}, 6)
        assert stock_items.get(CHAIR, A).reservations == {
            A: Reservation(1, LATER, placed=2)
        }
        assert stock_items.get(CHAIR, C).reservations.keys() == {A, C}


def test_the_receipt_of_a_delivery_note_is_read_for_it_alone(
    database: Database,
) -> None:
    lamp, chair = a_stock_item(LAMP), a_stock_item(CHAIR)
    for item in (lamp, chair):
        item.receive(Quantity(3), NOON, NOTE)
    save(database, lamp, chair)

    with database.writing() as connection:
        stock_items = SqlStockItemRepository(connection)
        assert stock_items.get(LAMP).receipts == {}
        assert stock_items.get(LAMP, NOTE).receipts == {NOTE: Receipt(3, NOON)}
        assert stock_items.get(CHAIR, NOTE).receipts == {NOTE: Receipt(3, NOON)}
        other = DeliveryNote("other")
        stock_items.get(LAMP, other).receive(Quantity(1), LATER, other)
        stock_items.changed()
        stock_items.flush()

    assert load(database, LAMP, other).receipts == {other: Receipt(1, LATER)}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    """The rows that queries return from now on."""
    seen: list[Row] = []
    all_of, first_of = Prepared.rows, Prepared.row

    def rows(self: Prepared, connection: Connection, values: Values) -> list[Row]:
        found = all_of(self, connection, values)
        seen.extend(found)
        return found

    def row(self: Prepared, connection: Connection, values: Values) -> Row | None:
        found = first_of(self, connection, values)
        seen.extend([found] if found else [])
        return found

    monkeypatch.setattr(Prepared, "rows", rows)
    monkeypatch.setattr(Prepared, "row", row)
    return seen


def held_by(orders: int) -> StockItem:
    """One piece each, of two more than are held, until one minute after the last."""
    item = StockItem.open(LAMP, Count(orders + 2))
    for number in range(orders):
        until = NOON + timedelta(minutes=number)
        item.reserve(Quantity(1), OrderReference(f"O{number}"), until)
    return item


@pytest.mark.parametrize(
    ("rows", "command"),
    [
        (1, lambda found: found.get(LAMP, A).reserve(Quantity(1), A, LATER)),
        (1, lambda found: found.get(LAMP, O7).release(O7)),
        (1, lambda found: found.get(LAMP, O7).ship(O7)),
        (1, lambda found: found.get(LAMP).receive(Quantity(1), NOON)),
        (4, lambda found: found.prefetch([(LAMP, O7), (LAMP, A), (LAMP, O8)]) or 1),
        (3 + 1, lambda found: found.with_expired_reservations(O2_ENDS, 9)),
        (2 + 1, lambda found: found.with_expired_reservations(LATER, 2)),
        (1, lambda found: count_to(found, 500)),
        (1 + NEWEST_AT_ONCE, lambda found: count_to(found, 399)),
        (1 + 2 * NEWEST_AT_ONCE, lambda found: count_to(found, 250)),
    ],
    ids=[
        *("reserve", "release", "ship", "receive", "several at once"),
        *("three have ended", "two of many have ended"),
        *("a count that all fit", "one too many", "many too many"),
    ],
)
def test_how_many_rows_a_command_reads_does_not_depend_on_the_open_reservations(
    database: Database, read: list[Row], rows: int, command: Callable[..., object]
) -> None:
    save(database, held_by(400))

    with database.writing() as connection:
        stock_items = SqlStockItemRepository(connection)
        read.clear()
        command(stock_items)
        stock_items.changed()
        stock_items.flush()

    assert len(read) <= rows


def count_to(stock_items: SqlStockItemRepository, found: int) -> None:
    item = stock_items.get(LAMP)
    stock_items.load_newest_reservations(item, item.reserved - found)
    item.count(Count(found), STOCKTAKE, NOON)
    assert item.reserved == min(400, found)


def test_a_count_releases_the_newest_whatever_else_changed_in_the_transaction(
    database: Database,
) -> None:
    save(database, held_by(300))

    with database.writing() as connection:
        stock_items = SqlStockItemRepository(connection)
        newest, older = (OrderReference(f"O{number}") for number in (299, 3))
        stock_items.get(LAMP, newest).release(newest)
        stock_items.get(LAMP, older).ship(older)
        stock_items.get(LAMP, A).reserve(Quantity(2), A, LATER)
        item = stock_items.get(LAMP)
        stock_items.load_newest_reservations(item, item.reserved - 297)
        item.collect()
        item.count(Count(297), STOCKTAKE, NOON)
        [counted] = [each for each in recorded(item) if isinstance(each, StockCounted)]
        stock_items.changed()
        stock_items.flush()

    released = [hold.order for hold in counted.released]
    assert released == [A, OrderReference("O298")]
    kept = load(database, LAMP, newest, older, A)
    assert (kept.reservations, kept.reserved, kept.available) == ({}, 297, 0)


def test_an_order_may_ship_from_several_stock_items(database: Database) -> None:
    lamp, chair = (
        a_stock_item(LAMP, shipped={A: 1}),
        a_stock_item(CHAIR, shipped={A: 2}),
    )
    save(database, lamp, chair)

    assert load(database, LAMP, A).shipments[A].pieces == 1
    assert load(database, CHAIR, A).shipments[A].pieces == 2


def test_commands_that_share_a_transaction_see_the_same_stock_item(
    database: Database,
) -> None:
    save(database, a_stock_item(on_hand=5))

    with database.writing() as connection:
        stock_items = SqlStockItemRepository(connection)
        stock_items.get(LAMP, A).reserve(Quantity(2), A, LATER)
        assert [item.sku for item in stock_items.changed()] == [LAMP]
        stock_items.get(LAMP, A).ship(A)
        assert [item.sku for item in stock_items.changed()] == [LAMP]
        stock_items.get(LAMP, A)
        assert stock_items.changed() == []
        stock_items.flush()

    kept = load(database, LAMP, A)
    assert (kept.on_hand, kept.reserved, kept.version) == (3, 0, 3)


def test_opened_and_shipped_in_one_transaction(database: Database) -> None:
    with database.writing() as connection:
        stock_items = SqlStockItemRepository(connection)
        assert stock_items.find(LAMP) is None
        stock_items.add(StockItem.open(LAMP, Count(3)))
        stock_items.changed()
        item = stock_items.get(LAMP, A)
        item.reserve(Quantity(3), A, LATER)
        item.ship(A)
        stock_items.changed()
        stock_items.flush()

    kept = load(database, LAMP, A)
    assert (kept.on_hand, kept.version) == (0, item.version)
    assert kept.shipments.keys() == {A}


def test_prefetched_stock_items_are_not_read_again(database: Database) -> None:
    save(
        database,
        a_stock_item(LAMP, on_hand=5, reserved={B: 2, A: 1}, shipped={C: 1}),
        a_stock_item(CHAIR, on_hand=5),
    )
    statements: list[str] = []

    with database.reading() as connection:
        stock_items = SqlStockItemRepository(connection)
        absent = Sku("ABSENT")
        stock_items.prefetch([(LAMP, C), (LAMP, A), (CHAIR, C), (absent, A)])
        event.listen(
            connection,
            "before_cursor_execute",
            lambda *arguments: statements.append(arguments[2]),
        )
        lamp, chair = stock_items.get(LAMP, C), stock_items.get(CHAIR, C)

        assert stock_items.find(absent, A) is None

    assert lamp.reservations.keys() == {A}
    assert lamp.shipments.keys() == {C}
    assert chair.shipments == {}
    assert statements == []


def test_many_are_prefetched_with_their_shipments(database: Database) -> None:
    skus = [Sku(f"LAMP-{number}") for number in range(5)]
    save(database, *[a_stock_item(sku, on_hand=1, shipped={A: 1}) for sku in skus])

    with database.reading() as connection:
        stock_items = SqlStockItemRepository(connection)
        stock_items.prefetch((sku, A) for sku in skus)

        assert all(stock_items.get(sku, A).shipments for sku in skus)


def test_of_two_changes_to_the_same_version_the_second_is_refused(
    database: Database,
) -> None:
    save(database, a_stock_item(on_hand=5))

    def change_twice() -> None:
        with database.writing() as connection:
            first, second = (SqlStockItemRepository(connection) for _ in range(2))
            first.get(LAMP).receive(Quantity(1), NOON)
            second.get(LAMP).receive(Quantity(2), NOON)
            first.changed()
            first.flush()
            second.changed()
            second.flush()

    with pytest.raises(ConcurrentUpdateError):
        change_twice()

    assert load(database, LAMP, A).on_hand == 5


def test_of_two_openings_the_second_is_refused(database: Database) -> None:
    save(database, a_stock_item(on_hand=5))

    with pytest.raises(ConcurrentUpdateError):
        save(database, a_stock_item(on_hand=7))

    assert load(database, LAMP, A).on_hand == 5


def test_stock_items_are_due_by_the_moment_their_first_reservation_ends(
    database: Database,
) -> None:
    lamp, chair = a_stock_item(LAMP, on_hand=9), a_stock_item(CHAIR, on_hand=9)
    lamp.reserve(Quantity(1), A, NOON + timedelta(minutes=2))
    lamp.reserve(Quantity(1), B, NOON + timedelta(minutes=3))
    chair.reserve(Quantity(1), A, NOON + timedelta(minutes=1))
    save(database, lamp, chair)

    def due(minutes: int, limit: int = 9) -> list[Sku]:
        moment = NOON + timedelta(minutes=minutes)
        with database.reading() as connection:
            stock_items = SqlStockItemRepository(connection)
            items = stock_items.with_expired_reservations(moment, limit)
            return [item.sku for item in items]

    assert due(0) == []
    assert due(1) == [CHAIR]
    assert due(3) == [CHAIR, LAMP]
    assert due(3, limit=1) == [CHAIR]


def empty(database: Database) -> None:
    with database.writing() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(on_hand=counts, transactions=st.lists(st.lists(acts, max_size=6), max_size=6))
def test_a_stock_item_behaves_in_the_database_as_in_memory(
    database: Database, on_hand: Count, transactions: list[list[Act]]
) -> None:
    abouts: list[About] = [OrderReference(code) for code in "ABCDE"]
    abouts += [DeliveryNote("D1"), DeliveryNote("D2")]
    model = StockItem.open(LAMP, on_hand)
    empty(database)
    save(database, StockItem.open(LAMP, on_hand))
    for transaction in transactions:
        with database.writing() as connection:
            stock_items = SqlStockItemRepository(connection)
            stock_items.prefetch((LAMP, about) for about in abouts)
            for act in transaction:
                for item in (model, stock_items.get(LAMP)):
                    try:
                        act(item)
                    except DomainError:
                        continue
                stock_items.changed()
            stock_items.flush()
        with database.reading() as connection:
            stock_items = SqlStockItemRepository(connection)
            stock_items.prefetch((LAMP, about) for about in abouts)
            assert state(stock_items.get(LAMP)) == state(model)
