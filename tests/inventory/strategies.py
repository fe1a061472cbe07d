"""All commands of a stock item, with small numbers, so that limits are reached."""

from collections.abc import Callable
from datetime import timedelta

from hypothesis import strategies as st

from inventory.domain.stock_item import StockItem
from inventory.domain.value_objects import (
    Count,
    DeliveryNote,
    Difference,
    OrderReference,
    Quantity,
    ReorderPoint,
)
from tests.inventory.builders import NOON, STOCKTAKE

Act = Callable[[StockItem], object]

orders = st.sampled_from([OrderReference(code) for code in "ABCDE"])
quantities = st.builds(Quantity, st.integers(1, 9))
counts = st.builds(Count, st.integers(0, 20))
reorder_points = st.builds(ReorderPoint, st.integers(0, 6))
moments = st.builds(
    lambda minutes: NOON + timedelta(minutes=minutes), st.integers(0, 60)
)


# Each of these may be done any number of times, and records each.
receipts: st.SearchStrategy[Act] = st.one_of(
    st.builds(lambda quantity: lambda item: item.receive(quantity, NOON), quantities),
    st.builds(
        lambda note: lambda item: item.receive(Quantity(2), NOON, note),
        st.sampled_from([DeliveryNote("D1"), DeliveryNote("D2")]),
    ),
    st.builds(
        lambda count, at: lambda item: item.count(count, STOCKTAKE, at), counts, moments
    ),
    st.builds(
        lambda pieces: lambda item: item.correct(Difference(pieces), STOCKTAKE),
        st.integers(-9, 9).filter(bool),
    ),
    st.builds(
        lambda order, quantity: lambda item: item.ship(order, quantity),
        orders,
        quantities,
    ),
    st.builds(
        lambda order, quantity: lambda item: item.take_back(order, quantity),
        orders,
        quantities,
    ),
)

# Each of these is idempotent: done a second time, it records nothing.
settlements: st.SearchStrategy[Act] = st.one_of(
    st.builds(
        lambda quantity, order, until: (
            lambda item: item.reserve(quantity, order, until)
        ),
        quantities,
        orders,
        moments,
    ),
    st.builds(lambda order: lambda item: item.release(order), orders),
    st.builds(lambda order: lambda item: item.ship(order), orders),
    st.builds(lambda now: lambda item: item.expire(now), moments),
    st.builds(lambda point: lambda item: item.set_reorder_point(point), reorder_points),
    st.just(StockItem.retire),
    st.just(StockItem.reopen),
)
acts: st.SearchStrategy[Act] = st.one_of(receipts, settlements)
