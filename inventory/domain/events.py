"""What happens to stock, in inventory's own words. Quantities are pieces."""

from datetime import datetime

import attrs

from inventory.domain.value_objects import OrderReference, Reason
from shared_kernel.domain.event import DomainEvent


@attrs.frozen(kw_only=True)
class StockOpened(DomainEvent):
    on_hand: int


@attrs.frozen(kw_only=True)
class StockReceived(DomainEvent):
    pieces: int


@attrs.frozen(kw_only=True)
class StockCounted(DomainEvent):
    """The `released` orders, newest first, lost what was reserved for them."""

    on_hand: int
    reason: Reason
    released: tuple[OrderReference, ...]


@attrs.frozen(kw_only=True)
class StockReserved(DomainEvent):
    order: OrderReference
    pieces: int
    until: datetime


@attrs.frozen(kw_only=True)
class StockReleased(DomainEvent):
    order: OrderReference
    pieces: int


@attrs.frozen(kw_only=True)
class StockExpired(DomainEvent):
    order: OrderReference
    pieces: int


@attrs.frozen(kw_only=True)
class StockShipped(DomainEvent):
    order: OrderReference
    pieces: int


@attrs.frozen(kw_only=True)
class ReorderPointSet(DomainEvent):
    reorder_point: int


@attrs.frozen(kw_only=True)
class StockRetired(DomainEvent):
    pass


@attrs.frozen(kw_only=True)
class StockReopened(DomainEvent):
    pass


@attrs.frozen(kw_only=True)
class StockDepleted(DomainEvent):
    """Of some available pieces none was left."""


@attrs.frozen(kw_only=True)
class StockReplenished(DomainEvent):
    """Of no available pieces there came to be some."""


@attrs.frozen(kw_only=True)
class StockLow(DomainEvent):
    """The available pieces came to the reorder point or under it, and are not none."""

    reorder_point: int
