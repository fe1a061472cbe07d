"""Keeps the product listing as the events say."""

from collections.abc import Sequence

import attrs
from sqlalchemy.engine import Connection

from catalog.read_model.product_listing import Listing, ListingTable
from shared_kernel.events.envelope import Envelope
from shared_kernel.events.reading import read_as

INSERTED = "product.inserted"


@attrs.frozen(kw_only=True)
class ProductShown:
    """What the listing reads of `product.*`: the product's public state."""

    sku: str
    name: str
    status: str
    version: int
    description: str | None = None
    price_minor_units: int | None = None
    price_currency: str | None = None


@attrs.frozen
class AvailabilityChanged:
    """What the listing needs to know of a stock item."""

    code: str
    availability: str
    time_us: int


class ListingProjector:
    """Both halves of a row carry full state, so each event replaces what it speaks of.

    A repeated event puts the same again. A late one cannot come: the subscription
    applies each source in order. The two sources need no order between them.
    """

    def __init__(self, table: ListingTable) -> None:
        self._table = table

    def products(self, batch: Sequence[Envelope], connection: Connection) -> None:
        """Apply events of the catalog's own log. Raises UnreadableEventError."""
        rows = self._table.load(connection, {envelope.key for envelope in batch})
        for envelope in batch:
            product = read_as(ProductShown, envelope)
            row = rows.get(product.sku)
            if row is None:
                row = rows[product.sku] = Listing(code=product.sku)
            if envelope.type == INSERTED:
                row.registered = envelope.position
            row.name = product.name
            row.description = product.description
            row.price_minor_units = product.price_minor_units
            row.price_currency = product.price_currency
            row.status = product.status
            row.version = product.version
            row.last_updated_us = envelope.time_us
        self._table.put(connection, rows.values())

    def availability(
        self, changes: Sequence[AvailabilityChanged], connection: Connection
    ) -> None:
        """Apply what was heard of stock items, in order."""
        rows = self._table.load(connection, {change.code for change in changes})
        changed: dict[str, Listing] = {}
        for change in changes:
            row = rows.get(change.code)
            if row is None:
                row = rows[change.code] = Listing(code=change.code)
            if row.availability != change.availability:
                row.availability = change.availability
                row.last_updated_us = change.time_us
                changed[change.code] = row
        self._table.put(connection, changed.values())
