"""Domain event → published event: the only place that knows both languages."""

from typing import Any

from inventory import published
from inventory.domain import events
from inventory.domain.stock_item import StockItem
from shared_kernel.clock import rfc3339
from shared_kernel.domain.event import DomainEvent

_SUBJECT_OF = {kind: subject for subject, kind in published.SUBJECTS.items()}


def publish(
    event: DomainEvent, version: int, item: StockItem
) -> tuple[str, published.StockEvent]:
    """The subject and the payload of `event`, which is number `version` of `item`."""
    state: dict[str, Any] = {
        "sku": item.sku.code,
        "on_hand": item.on_hand,
        "reserved": item.reserved,
        "available": item.available,
        "availability": str(item.availability),
        "version": version,
    }
    payload = _translate(event, state)
    return _SUBJECT_OF[type(payload)], payload


def _translate(event: DomainEvent, state: dict[str, Any]) -> published.StockEvent:
    # The most frequent ones first: this is tried from the top for every event.
    match event:
        case events.StockReserved():
            return published.StockReserved(
                **state,
                order=event.order.code,
                pieces=event.pieces,
                until=rfc3339(event.until),
            )
        case events.StockShipped():
            return published.StockShipped(
                **state,
                order=event.order.code,
                pieces=event.pieces,
                still_held=event.still_held,
            )
        case events.StockOpened():
            return published.StockOpened(**state)
        case events.StockDepleted():
            return published.StockDepleted(**state)
        case events.StockReceived():
            return published.StockReceived(
                **state,
                pieces=event.pieces,
                reference=None if event.reference is None else event.reference.code,
            )
        case events.StockReplenished():
            return published.StockReplenished(**state)
        case events.StockLow():
            return published.StockLow(**state, reorder_point=event.reorder_point)
        case events.StockReleased():
            return published.StockReleased(
                **state, order=event.order.code, pieces=event.pieces
            )
        case events.ReservationChanged():
            return published.ReservationChanged(
                **state,
                order=event.order.code,
                pieces=event.pieces,
                until=rfc3339(event.until),
                pieces_before=event.pieces_before,
            )
        case events.StockReturned():
            return published.StockReturned(
                **state,
                order=event.order.code,
                pieces=event.pieces,
                reason=None if event.reason is None else event.reason.text,
            )
        case events.StockExpired():
            return published.StockExpired(
                **state, order=event.order.code, pieces=event.pieces
            )
        case events.StockCounted():
            return published.StockCounted(
                **state,
                reason=event.reason.text,
                released=_released(event.released),
                difference=event.difference,
                counted_by=None if event.counted_by is None else event.counted_by.text,
            )
        case events.StockCorrected():
            return published.StockCorrected(
                **state,
                difference=event.difference,
                reason=event.reason.text,
                released=_released(event.released),
            )
        case events.ReorderPointSet():
            return published.ReorderPointSet(**state, reorder_point=event.reorder_point)
        case events.StockRetired():
            return published.StockRetired(**state)
        case events.StockReopened():
            return published.StockReopened(**state)
    raise TypeError(f"{type(event).__name__} has no published counterpart")


def _released(
    holds: tuple[events.ReleasedHold, ...],
) -> tuple[published.ReleasedHold, ...]:
    return tuple(
        published.ReleasedHold(order=hold.order.code, pieces=hold.pieces)
        for hold in holds
    )
