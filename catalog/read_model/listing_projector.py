"""Projects events to the product listing."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import NamedTuple

import attrs
from sqlalchemy.engine import Connection

from catalog.read_model import listing_search
from catalog.read_model.product_listing import Listing, ListingTable
from shared_kernel.buses.envelope import Envelope
from shared_kernel.events.reading import read_all

INSERTED = "product.inserted"


@attrs.frozen(kw_only=True)
class ProductShown:
    """The fields that the listing reads of `product.*`: the product's public state."""

    sku: str
    name: str
    status: str
    version: int
    description: str | None = None
    price_minor_units: int | None = None
    price_currency: str | None = None


class AvailabilityChanged(NamedTuple):
    """What the listing needs of a stock item's event."""

    code: str
    availability: str
    time_us: int


Shown = tuple[Envelope, ProductShown]


def products_shown(batch: Sequence[Envelope]) -> list[Shown]:
    """Raises UnreadableEventError."""
    return list(zip(batch, read_all(ProductShown, batch), strict=True))


def fold_products(rows: dict[str, Listing], shown: Iterable[Shown]) -> None:
    """Apply the catalog's own events to `rows`, by code."""
    for envelope, product in shown:
        row = rows.get(product.sku)
        if row is None:
            row = rows[product.sku] = Listing(product.sku)
        if envelope.type == INSERTED:
            row.registered = envelope.position
        row.name = product.name
        row.description = product.description
        row.price_minor_units = product.price_minor_units
        row.price_currency = product.price_currency
        row.status = product.status
        row.version = product.version
        row.last_updated_us = max(row.last_updated_us, envelope.time_us)


def fold_availability(
    rows: dict[str, Listing], changes: Iterable[AvailabilityChanged]
) -> dict[str, Listing]:
    """Apply events of stock items to `rows`; return the rows that changed."""
    changed: dict[str, Listing] = {}
    for change in changes:
        row = rows.get(change.code)
        if row is None:
            row = rows[change.code] = Listing(change.code)
        if row.availability != change.availability:
            row.availability = change.availability
            row.last_updated_us = max(row.last_updated_us, change.time_us)
            changed[change.code] = row
    return changed


class ListingProjector:
    """Events carry the full state of their half of a row, and replace that half.

    A repeated event writes the same again. A late one cannot come: the subscription
    applies each source in order. The two sources need no order between them.
    """

    def __init__(self, table: ListingTable) -> None:
        self._table = table

    def products(self, batch: Sequence[Envelope], connection: Connection) -> None:
        """Apply events of the catalog's own log. Raises UnreadableEventError."""
        shown = products_shown(batch)
        self._table.hold(connection)
        rows = self._table.load(connection, {product.sku for _, product in shown})
        known = frozenset(rows)
        fold_products(rows, shown)
        self._table.put(
            connection, [row for code, row in rows.items() if code in known]
        )
        self._add(connection, rows, known)

    def availability(
        self, changes: Sequence[AvailabilityChanged], connection: Connection
    ) -> None:
        """Apply events of stock items, in order."""
        self._table.hold(connection)
        rows = self._table.load(connection, {change.code for change in changes})
        known = frozenset(rows)
        changed = fold_availability(rows, changes)
        self._table.put_availability(
            connection, [row for code, row in changed.items() if code in known]
        )
        self._add(connection, changed, known)

    def _add(
        self, connection: Connection, rows: Mapping[str, Listing], known: Set[str]
    ) -> None:
        new = [row for code, row in rows.items() if code not in known]
        self._table.add(connection, new)
        places = [row.place for row in new if row.place is not None]
        listing_search.index_late(connection, places)
