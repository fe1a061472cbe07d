"""The domain events of a stock item. Quantities are pieces."""

from datetime import datetime

import attrs

from inventory.domain.value_objects import (
    CountedBy,
    DeliveryNote,
    OrderReference,
    Reason,
)
from shared_kernel.domain.event import DomainEvent
from shared_kernel.domain.sku import Sku


@attrs.frozen(kw_only=True)
class StockEvent(DomainEvent):
    """What all events of a stock item tell."""

    sku: Sku


@attrs.frozen(kw_only=True)
class StockOpened(StockEvent):
    on_hand: int


@attrs.frozen(kw_only=True)
class StockReceived(StockEvent):
    """Of the delivery `reference`, if it is known."""

    pieces: int
    reference: DeliveryNote | None = None


@attrs.frozen
class ReleasedHold:
    """`order` lost all the `pieces` that it held."""

    order: OrderReference
    pieces: int


@attrs.frozen(kw_only=True)
class StockCounted(StockEvent):
    """`on_hand` pieces were found, `difference` more than the book said.

    What did not fit any more was released, the newest holds first.
    """

    on_hand: int
    difference: int
    reason: Reason
    counted_by: CountedBy | None
    released: tuple[ReleasedHold, ...]


@attrs.frozen(kw_only=True)
class StockCorrected(StockEvent):
    """There are `difference` pieces more, or fewer, than the book said.

    What did not fit any more was released, the newest holds first.
    """

    difference: int
    reason: Reason
    released: tuple[ReleasedHold, ...]


@attrs.frozen(kw_only=True)
class StockReserved(StockEvent):
    order: OrderReference
    pieces: int
    until: datetime


@attrs.frozen(kw_only=True)
class ReservationChanged(StockEvent):
    """`order` holds `pieces` in all, and held `pieces_before`."""

    order: OrderReference
    pieces: int
    until: datetime
    pieces_before: int


@attrs.frozen(kw_only=True)
class StockReleased(StockEvent):
    order: OrderReference
    pieces: int


@attrs.frozen(kw_only=True)
class StockExpired(StockEvent):
    order: OrderReference
    pieces: int


@attrs.frozen(kw_only=True)
class StockShipped(StockEvent):
    """`order` still holds `still_held` pieces, which have not shipped."""

    order: OrderReference
    pieces: int
    still_held: int = 0


@attrs.frozen(kw_only=True)
class StockReturned(StockEvent):
    """Pieces that had shipped for `order` came back."""

    order: OrderReference
    pieces: int
    reason: Reason | None


@attrs.frozen(kw_only=True)
class ReorderPointSet(StockEvent):
    reorder_point: int


@attrs.frozen(kw_only=True)
class StockRetired(StockEvent):
    pass


@attrs.frozen(kw_only=True)
class StockReopened(StockEvent):
    pass


@attrs.frozen(kw_only=True)
class StockDepleted(StockEvent):
    """The last available piece is gone."""


@attrs.frozen(kw_only=True)
class StockReplenished(StockEvent):
    """Pieces are available again after there were none."""


@attrs.frozen(kw_only=True)
class StockLow(StockEvent):
    """Available pieces fell to the reorder point or below it, but not to 0."""

    reorder_point: int
