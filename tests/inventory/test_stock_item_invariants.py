"""Invariants of a stock item after any commands."""

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from inventory.domain.events import StockReceived
from inventory.domain.stock_item import StockItem
from inventory.domain.value_objects import Availability, Count
from shared_kernel.domain.errors import DomainError
from tests.inventory.builders import LAMP, recorded, state
from tests.inventory.strategies import Act, counts, receipts, settlements


class StockItemLife(RuleBasedStateMachine):
    item: StockItem
    deliveries = 0

    @initialize(on_hand=counts)
    def is_opened(self, on_hand: Count) -> None:
        self.item = StockItem.open(LAMP, on_hand)
        assert len(recorded(self.item)) == self.item.version == 1

    @rule(act=receipts)
    def receives(self, act: Act) -> None:
        self._try(act)

    @rule(act=settlements)
    def does_something_idempotent(self, act: Act) -> None:
        accepted = self._try(act)
        if accepted:
            # A repeated command that changes nothing records nothing.
            before = state(self.item)
            act(self.item)
            assert recorded(self.item) == []
            assert state(self.item) == before

    @invariant()
    def has_never_less_available_than_nothing(self) -> None:
        assert self.item.available == self.item.on_hand - self.item.reserved >= 0

    @invariant()
    def reserves_what_its_reservations_hold(self) -> None:
        held = [reservation.pieces for reservation in self.item.reservations.values()]
        assert self.item.reserved == sum(held)
        assert all(pieces > 0 for pieces in held)

    @invariant()
    def never_holds_anything_for_an_order_that_has_shipped_all_of_it(self) -> None:
        for order, shipment in self.item.shipments.items():
            assert not (shipment.complete and order in self.item.reservations)

    @invariant()
    def received_each_delivery_once(self) -> None:
        assert self.deliveries == len(self.item.receipts)

    @invariant()
    def takes_back_no_more_than_has_shipped(self) -> None:
        for shipment in self.item.shipments.values():
            assert 0 <= shipment.returned <= shipment.pieces

    @invariant()
    def is_retired_out_of_stock_low_or_in_stock_by_its_numbers(self) -> None:
        match self.item.availability:
            case Availability.RETIRED:
                assert self.item.retired
            case Availability.OUT_OF_STOCK:
                assert self.item.available == 0
            case Availability.LOW:
                assert 0 < self.item.available <= self.item.reorder_point
            case Availability.IN_STOCK:
                assert self.item.available > self.item.reorder_point

    def _try(self, act: Act) -> bool:
        before = state(self.item)
        version = self.item.version
        try:
            act(self.item)
        except DomainError:
            assert state(self.item) == before
            assert recorded(self.item) == []
            return False
        numbered = self.item.collect()
        for _, fact in numbered:
            if isinstance(fact, StockReceived) and fact.reference:
                self.deliveries += 1
        assert [number for number, _ in numbered] == list(
            range(version + 1, self.item.version + 1)
        )
        if not numbered:
            assert state(self.item) == before
        return True


TestStockItemLife = pytest.mark.slow(StockItemLife.TestCase)
TestStockItemLife.settings = settings(
    max_examples=80, stateful_step_count=30, deadline=None
)
