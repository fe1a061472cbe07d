"""What a rebuild of the listing reads, and how it applies that to rows in memory."""

from collections.abc import Callable, Sequence

import attrs

from catalog.adapters import inventory_acl
from catalog.read_model.listing_projector import (
    fold_availability,
    fold_products,
    products_shown,
)
from catalog.read_model.product_listing import Listing
from shared_kernel.buses.envelope import Envelope
from shared_kernel.events.cursors import Place
from shared_kernel.events.event_log import EventFeed

Fold = Callable[[dict[str, Listing], Sequence[Envelope]], None]
"""Applies a batch to rows, or raises UnreadableEventError and changes nothing."""


@attrs.define(eq=False)
class Source:
    feed: EventFeed
    fold: Fold
    place: Place = attrs.field(factory=Place)
    time_us: int = 0

    @property
    def position(self) -> int:
        return self.place.position


def fold_product_events(rows: dict[str, Listing], batch: Sequence[Envelope]) -> None:
    fold_products(rows, products_shown(batch))


def fold_stock_events(rows: dict[str, Listing], batch: Sequence[Envelope]) -> None:
    fold_availability(rows, inventory_acl.availability_changes(batch))
