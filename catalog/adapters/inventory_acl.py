"""Translates inventory's events to the catalog's language."""

from collections.abc import Sequence

import attrs

from catalog.read_model.listing_projector import AvailabilityChanged
from shared_kernel.buses.envelope import Envelope
from shared_kernel.events.reading import read_all

SOURCE = "inventory"


@attrs.frozen(kw_only=True)
class StockSeen:
    """The fields that the catalog reads of every event of a stock item."""

    sku: str
    availability: str


def availability_changes(batch: Sequence[Envelope]) -> list[AvailabilityChanged]:
    """Raises UnreadableEventError."""
    return [
        AvailabilityChanged(seen.sku, seen.availability, envelope.time_us)
        for envelope, seen in zip(batch, read_all(StockSeen, batch), strict=True)
    ]
