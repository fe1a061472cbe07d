"""Domain events and the published events made of them."""

from datetime import datetime, timedelta, timezone

import attrs
import msgspec
import pytest

from inventory import published
from inventory.adapters import versions
from inventory.adapters.publisher import publish
from inventory.domain import events
from inventory.domain.value_objects import CountedBy, DeliveryNote, Reason
from shared_kernel.domain.event import DomainEvent
from tests.inventory.builders import LAMP, NOON, A, B, a_stock_item

ONE_OF_EACH: list[tuple[DomainEvent, str, dict[str, object]]] = [
    (events.StockOpened(sku=LAMP, on_hand=5), "stock.opened", {}),
    (
        events.StockReceived(sku=LAMP, pieces=2, reference=DeliveryNote("D/1")),
        "stock.received",
        {"pieces": 2, "reference": "D/1"},
    ),
    (
        events.StockCounted(
            sku=LAMP,
            on_hand=5,
            difference=-2,
            reason=Reason("fire"),
            counted_by=CountedBy("Ann"),
            released=(events.ReleasedHold(B, 2), events.ReleasedHold(A, 1)),
        ),
        "stock.counted.v2",
        {
            "reason": "fire",
            "released": [{"order": "B", "pieces": 2}, {"order": "A", "pieces": 1}],
            "difference": -2,
            "counted_by": "Ann",
        },
    ),
    (
        events.StockCorrected(
            sku=LAMP,
            difference=-2,
            reason=Reason("fire"),
            released=(events.ReleasedHold(A, 2),),
        ),
        "stock.corrected",
        {
            "difference": -2,
            "reason": "fire",
            "released": [{"order": "A", "pieces": 2}],
        },
    ),
    (
        events.StockReserved(sku=LAMP, order=A, pieces=2, until=NOON),
        "stock.reserved",
        {"order": "A", "pieces": 2, "until": "2026-03-01T12:00:00Z"},
    ),
    (
        events.StockReleased(sku=LAMP, order=A, pieces=2),
        "stock.released",
        {"order": "A", "pieces": 2},
    ),
    (
        events.StockExpired(sku=LAMP, order=A, pieces=2),
        "stock.expired",
        {"order": "A", "pieces": 2},
    ),
    (
        events.StockShipped(sku=LAMP, order=A, pieces=2),
        "stock.shipped",
        {"order": "A", "pieces": 2, "still_held": 0},
    ),
    (
        events.ReservationChanged(
            sku=LAMP, order=A, pieces=2, until=NOON, pieces_before=3
        ),
        "stock.reservation_changed",
        {
            "order": "A",
            "pieces": 2,
            "until": "2026-03-01T12:00:00Z",
            "pieces_before": 3,
        },
    ),
    (
        events.StockReturned(sku=LAMP, order=A, pieces=2, reason=Reason("late")),
        "stock.returned",
        {"order": "A", "pieces": 2, "reason": "late"},
    ),
    (
        events.ReorderPointSet(sku=LAMP, reorder_point=3),
        "stock.reorder_point_set",
        {"reorder_point": 3},
    ),
    (events.StockRetired(sku=LAMP), "stock.retired", {}),
    (events.StockReopened(sku=LAMP), "stock.reopened", {}),
    (events.StockDepleted(sku=LAMP), "stock.depleted", {}),
    (events.StockReplenished(sku=LAMP), "stock.replenished", {}),
    (events.StockLow(sku=LAMP, reorder_point=9), "stock.low", {"reorder_point": 9}),
]


@pytest.mark.parametrize(("event", "subject", "particulars"), ONE_OF_EACH)
def test_a_published_event_has_the_state_and_its_own_fields(
    event: DomainEvent, subject: str, particulars: dict[str, object]
) -> None:
    item = a_stock_item(on_hand=5, reserved={A: 2}, reorder_point=3)

    named, payload = publish(event, 7, item)

    assert named == subject
    assert msgspec.json.decode(msgspec.json.encode(payload)) == {
        "sku": "LAMP-0001",
        "on_hand": 5,
        "reserved": 2,
        "available": 3,
        "availability": "low",
        "version": 7,
        **particulars,
    }


def test_every_domain_event_is_published_under_a_subject_of_its_own() -> None:
    of_the_domain = {
        kind
        for kind in vars(events).values()
        if isinstance(kind, type)
        and issubclass(kind, events.StockEvent)
        and kind is not events.StockEvent
    }

    assert {type(event) for event, _, _ in ONE_OF_EACH} == of_the_domain
    older = {each.older for each in versions.SUCCESSORS}
    assert {subject for _, subject, _ in ONE_OF_EACH} == set(published.SUBJECTS) - older


def test_moments_are_published_in_utc() -> None:
    in_paris = datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1)))
    event = events.StockReserved(sku=LAMP, order=A, pieces=1, until=in_paris)

    _, payload = publish(event, 2, a_stock_item(on_hand=1))

    assert isinstance(payload, published.StockReserved)
    assert payload.until == "2026-03-01T12:00:00Z"


def test_inventory_does_not_publish_events_of_another_context() -> None:
    @attrs.frozen(kw_only=True)
    class ProductRenamed(DomainEvent):
        pass

    with pytest.raises(TypeError, match="ProductRenamed"):
        publish(ProductRenamed(), 1, a_stock_item())
