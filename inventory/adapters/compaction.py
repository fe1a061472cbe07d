"""The part of inventory's state whose changes a compaction keeps datable."""

from collections.abc import Hashable

import attrs

from shared_kernel.buses.envelope import Envelope
from shared_kernel.events.reading import read_as


@attrs.frozen(kw_only=True)
class StockDated:
    """The fields whose changes readers date, as in: since when is it sold out?"""

    availability: str


def dated(envelope: Envelope) -> Hashable:
    """Raises UnreadableEventError."""
    return read_as(StockDated, envelope).availability
