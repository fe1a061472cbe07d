"""Any commands, any order of steps, an unreliable bus, and crashes at any point."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from catalog.application import commands as catalog_commands
from catalog.application import handlers as catalog_handlers
from catalog.domain.value_objects import OpeningStock, ProductName
from inventory.application import commands as stock_commands
from inventory.application import handlers as stock_handlers
from inventory.domain.value_objects import (
    Count,
    Difference,
    OrderReference,
    Quantity,
    Reason,
)
from shared_kernel.domain.errors import DomainError
from shared_kernel.domain.sku import Sku
from shared_kernel.runtime.service import WritingService
from tests.shared_kernel.events.builders import NOON
from tests.simulation.broker import Broker
from tests.simulation.chaos_bus import ChaosBus
from tests.simulation.crashes import (
    Crash,
    CrashPoints,
    crash_around_commits,
    crash_around_settling,
)
from tests.simulation.grounds import Fresh
from tests.simulation.laws import read_log, recorded, stock_items, violations
from tests.simulation.world import World
from tests.stock_life import Expected

skus = st.sampled_from(["LAMP-0001", "CHAIR-0001", "DESK-0001"]).map(Sku)
orders = st.sampled_from(["A", "B", "C"]).map(OrderReference)
pieces = st.integers(1, 6)
NEVER = NOON + timedelta(days=3650)


@attrs.define
class ExpectedProduct(Expected):
    """The acknowledged commands for one SKU, as their client knows them."""

    name: str = "Thing"
    listed: bool = True


class Storehouse(RuleBasedStateMachine):
    """`expected` is a simple model without log, bus and crashes."""

    # Set by the test, since hypothesis creates the machines.
    fresh: Fresh

    def __init__(self) -> None:
        super().__init__()
        self.expected: dict[Sku, ExpectedProduct] = {}
        self.points = CrashPoints()
        self.patch = pytest.MonkeyPatch()
        crash_around_commits(self.patch, self.points)
        crash_around_settling(self.patch, self.points)

    @initialize(seed=st.integers(0, 2**16), calm=st.sampled_from([0.0, 0.3, 0.9]))
    def open(self, seed: int, calm: float) -> None:
        self.world = World(
            self.fresh(),
            seed,
            self.points,
            bus=lambda: ChaosBus(Broker(), seed, calm),
        )

    @rule(sku=skus, stock=st.integers(0, 6))
    def register(self, sku: Sku, stock: int) -> None:
        command = catalog_commands.RegisterProduct(
            sku=sku, name=ProductName("Thing"), opening_stock=OpeningStock(stock)
        )
        if self.done(self.catalog, catalog_handlers.register_product, command):
            self.expected[sku] = ExpectedProduct(on_hand=stock)

    @rule(sku=skus, name=st.sampled_from(["Lamp", "Chair", "Desk"]))
    def rename(self, sku: Sku, name: str) -> None:
        command = catalog_commands.RenameProduct(sku=sku, name=ProductName(name))
        if self.done(self.catalog, catalog_handlers.rename_product, command):
            self.expected[sku].name = name

    @rule(sku=skus)
    def discontinue(self, sku: Sku) -> None:
        command = catalog_commands.DiscontinueProduct(sku=sku)
        if self.done(self.catalog, catalog_handlers.discontinue_product, command):
            self.expected[sku].listed = False

    @rule(sku=skus)
    def relist(self, sku: Sku) -> None:
        command = catalog_commands.RelistProduct(sku=sku)
        if self.done(self.catalog, catalog_handlers.relist_product, command):
            self.expected[sku].listed = True

    @rule(sku=skus, pieces=pieces)
    def receive(self, sku: Sku, pieces: int) -> None:
        command = stock_commands.ReceiveStock(
            sku=sku, quantity=Quantity(pieces), at=NOON
        )
        if self.done(self.inventory, stock_handlers.receive_stock, command):
            self.expected[sku].receive(pieces)

    @rule(sku=skus, pieces=pieces, order=orders)
    def reserve(self, sku: Sku, pieces: int, order: OrderReference) -> None:
        command = stock_commands.ReserveStock(
            sku=sku, order=order, quantity=Quantity(pieces), at=NOON, until=NEVER
        )
        if self.done(self.inventory, stock_handlers.reserve_stock, command):
            self.expected[sku].reserve(order.code, pieces)

    @rule(sku=skus, order=orders)
    def release(self, sku: Sku, order: OrderReference) -> None:
        command = stock_commands.ReleaseStock(sku=sku, order=order, at=NOON)
        if self.done(self.inventory, stock_handlers.release_stock, command):
            self.expected[sku].release(order.code)

    @rule(sku=skus, order=orders)
    def ship(self, sku: Sku, order: OrderReference) -> None:
        command = stock_commands.ShipStock(sku=sku, order=order, at=NOON)
        if self.done(self.inventory, stock_handlers.ship_stock, command):
            self.expected[sku].ship(order.code)

    @rule(sku=skus, order=orders, pieces=st.integers(1, 3))
    def ship_part(self, sku: Sku, order: OrderReference, pieces: int) -> None:
        command = stock_commands.ShipStock(
            sku=sku, order=order, at=NOON, quantity=Quantity(pieces)
        )
        if self.done(self.inventory, stock_handlers.ship_stock, command):
            self.expected[sku].ship(order.code, pieces)

    @rule(sku=skus, order=orders, pieces=st.integers(1, 3))
    def take_back(self, sku: Sku, order: OrderReference, pieces: int) -> None:
        command = stock_commands.TakeBackStock(
            sku=sku, order=order, quantity=Quantity(pieces)
        )
        if self.done(self.inventory, stock_handlers.take_back_stock, command):
            self.expected[sku].take_back(order.code, pieces)

    @rule(sku=skus, found=st.integers(0, 6))
    def count(self, sku: Sku, found: int) -> None:
        command = stock_commands.CountStock(
            sku=sku, counted=Count(found), reason=Reason("stocktake"), at=NOON
        )
        if self.done(self.inventory, stock_handlers.count_stock, command):
            self.expected[sku].find(found)

    @rule(sku=skus, difference=st.integers(-3, 3).filter(bool))
    def correct(self, sku: Sku, difference: int) -> None:
        command = stock_commands.CorrectStock(
            sku=sku, difference=Difference(difference), reason=Reason("broken")
        )
        if self.done(self.inventory, stock_handlers.correct_stock, command):
            self.expected[sku].find(self.expected[sku].on_hand + difference)

    @rule(turns=st.integers(1, 25))
    def work(self, turns: int) -> None:
        try:
            for _ in range(turns):
                self.world.turn()
        except Crash:
            self.world.restart()

    @rule(seconds=st.floats(0.1, 20))
    def wait(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    @rule()
    def crash(self) -> None:
        self.world.restart()

    @rule(after=st.integers(1, 12))
    def crash_soon(self, after: int) -> None:
        """Crash at the next commit, publish or delivery."""
        self.points.crash_at = self.points.passed + after

    @invariant()
    def nothing_acknowledged_is_forgotten(self) -> None:
        if hasattr(self, "world"):
            assert self.world.forgotten() == []

    def teardown(self) -> None:
        try:
            if hasattr(self, "world"):
                self.points.crash_at = None
                self.world.come_to_rest()
                assert violations(self.world.databases) == []
                self.compare()
        finally:
            if hasattr(self, "world"):
                self.world.close()
            self.patch.undo()

    def compare(self) -> None:
        databases = self.world.databases
        shown = databases.rows(
            "catalog_read",
            "SELECT code, name, place IS NOT NULL FROM product_listing ORDER BY code",
        )
        assert shown == [
            (sku.code, expected.name, expected.listed)
            for sku, expected in sorted(self.expected.items(), key=str)
        ]
        stock = stock_items(read_log(databases, "inventory"))
        assert stock.keys() == {sku.code for sku in self.expected}
        for sku, expected in self.expected.items():
            item = stock[sku.code]
            assert item.on_hand == expected.on_hand
            assert item.reservations == expected.reserved
            assert item.shipments == expected.shipped
            assert item.returned == expected.returned
            assert item.retired is not expected.listed

    @property
    def catalog(self) -> WritingService:
        return self.world.storehouse.context("catalog")

    @property
    def inventory(self) -> WritingService:
        return self.world.storehouse.context("inventory")

    def done(
        self, context: WritingService, handler: Callable[..., Any], command: object
    ) -> bool:
        """Whether it was done; after a crash, by the log."""
        name, databases = context.log.source, self.world.databases
        before = recorded(databases, name)
        try:
            self.world.execute(context, handler, command)
        except DomainError:
            return False
        except Crash:
            self.world.restart()
            return recorded(databases, name) > before
        return True


@pytest.mark.proof
@pytest.mark.slow
@pytest.mark.usefixtures("no_migrations")
def test_acknowledged_commands_take_effect_once_and_in_order(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Storehouse, "fresh", staticmethod(fresh), raising=False)
    run_state_machine_as_test(
        Storehouse,
        settings=settings(max_examples=40, stateful_step_count=40, deadline=None),
    )
