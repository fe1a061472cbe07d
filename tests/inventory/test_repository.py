"""Stock items in a real database, of each kind."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from inventory.adapters.repository import SqlStockItemRepository
from inventory.adapters.tables import metadata
from inventory.domain.errors import UnknownStockItem
from inventory.domain.stock_item import StockItem
from inventory.domain.value_objects import Count, OrderReference, Quantity, Shipment
from shared_kernel.domain.errors import DomainError
from shared_kernel.domain.sku import Sku
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import ConcurrentUpdateError
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
    state,
)
from tests.inventory.strategies import Act, acts, counts


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


def load(database: Database, sku: Sku, order: OrderReference) -> StockItem:
    with database.reading() as connection:
        return SqlStockItemRepository(connection).get(sku, order)


def test_every_field_of_a_stock_item_is_read_as_it_was_saved(
    database: Database,
) -> None:
    item = a_stock_item(on_hand=9, shipped={C: 4}, reorder_point=2, retired=True)
    item.reopen()
    item.reserve(Quantity(2), B, LATER + timedelta(microseconds=1))
    item.reserve(Quantity(3), A, LATER)
    item.retire()

    save(database, item)

    assert state(load(database, LAMP, C)) == state(item)


def test_an_update_writes_every_field(database: Database) -> None:
    save(database, a_stock_item(on_hand=9, reserved={A: 1, B: 2}))
    changed = a_stock_item(on_hand=9, reserved={A: 1, B: 2})

    with database.writing() as connection:
        stock_items = SqlStockItemRepository(connection)
        for item in (stock_items.get(LAMP, C), changed):
            item.ship(A)
            item.release(B)
            item.reserve(Quantity(3), C, LATER)
            item.reserve(Quantity(1), B, NOON)
            item.count(Count(20), STOCKTAKE)
            item.retire()
        stock_items.changed()
        stock_items.flush()

    assert state(load(database, LAMP, A)) == state(changed)


def test_reservations_keep_the_order_of_placing_across_transactions(
    database: Database,
) -> None:
    save(database, a_stock_item(on_hand=9, reserved={C: 1, B: 1}))

    with database.writing() as connection:
        stock_items = SqlStockItemRepository(connection)
        stock_items.get(LAMP).release(C)
        stock_items.get(LAMP, A).reserve(Quantity(1), A, LATER)
        stock_items.get(LAMP, C).reserve(Quantity(1), C, LATER)
        stock_items.changed()
        stock_items.flush()

    assert list(load(database, LAMP, A).reservations) == [B, A, C]


def test_an_unknown_stock_item_is_not_found(database: Database) -> None:
    with database.reading() as connection:
        stock_items = SqlStockItemRepository(connection)

        assert stock_items.find(LAMP) is None
        with pytest.raises(UnknownStockItem):
            stock_items.get(LAMP)


def test_only_the_shipments_of_the_orders_asked_for_are_read(
    database: Database,
) -> None:
    save(database, a_stock_item(shipped={A: 1, B: 2, C: 3}))

    with database.reading() as connection:
        stock_items = SqlStockItemRepository(connection)
        assert stock_items.get(LAMP).shipments == {}
        assert stock_items.get(LAMP, A).shipments == {A: Shipment(1, version=3)}
        assert stock_items.get(LAMP, C).shipments.keys() == {A, C}


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
        assert list(stock_items.get(LAMP, A).reservations) == [B, A]

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
            first.get(LAMP).receive(Quantity(1))
            second.get(LAMP).receive(Quantity(2))
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
    orders = [OrderReference(code) for code in "ABCDE"]
    model = StockItem.open(LAMP, on_hand)
    empty(database)
    save(database, StockItem.open(LAMP, on_hand))
    for transaction in transactions:
        with database.writing() as connection:
            stock_items = SqlStockItemRepository(connection)
            stock_items.prefetch((LAMP, order) for order in orders)
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
            stock_items.prefetch((LAMP, order) for order in orders)
            assert state(stock_items.get(LAMP)) == state(model)
