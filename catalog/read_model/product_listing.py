"""What can be bought now? One row a product, with the JSON as it will be sent.

A page is a concatenation of rows, not an encoding. Products are listed in the order of
their registration; discontinued ones are not listed until relisted.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import attrs
import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from catalog.read_model.search_text import search_text
from shared_kernel.clock import from_us
from shared_kernel.storage.prepared import Prepared, one_of

LISTED = "listed"
UNKNOWN = "unknown"
AVAILABILITIES = ("in_stock", "low", "out_of_stock", "retired", UNKNOWN)
"""In inventory's words; `unknown` until the first event from inventory."""

metadata = sa.MetaData()


def listing_table(name: str, metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        name,
        metadata,
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("registered", sa.BigInteger),
        sa.Column("place", sa.BigInteger),
        sa.Column("name", sa.Text),
        sa.Column("description", sa.Text),
        sa.Column("price_minor_units", sa.BigInteger),
        sa.Column("price_currency", sa.Text),
        sa.Column("status", sa.Text),
        sa.Column("availability", sa.Text, nullable=False),
        sa.Column("last_updated_us", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger),
        sa.Column("sought", sa.Text),
        sa.Column("body", sa.LargeBinary),
    )


@attrs.define
class Listing:
    """A row in memory. `registered` is None until the product's own event is applied.

    Its stock may come first, since the two come from different logs.
    """

    code: str
    registered: int | None = None
    name: str | None = None
    description: str | None = None
    price_minor_units: int | None = None
    price_currency: str | None = None
    status: str | None = None
    availability: str = UNKNOWN
    last_updated_us: int = 0
    version: int | None = None

    @property
    def place(self) -> int | None:
        """In the order of the listing; None if it is not listed."""
        return self.registered if self.status == LISTED else None


class ListedPrice(msgspec.Struct, frozen=True):
    minor_units: int
    currency: str


class ListedProduct(msgspec.Struct, frozen=True):
    """One product as readers get it."""

    name: str
    code: str
    description: str | None
    price: ListedPrice | None
    status: str
    availability: str
    last_updated: datetime


def listing_to_row(listing: Listing) -> dict[str, object]:
    known = listing.registered is not None
    return {
        "code": listing.code,
        "registered": listing.registered,
        "place": listing.place,
        "name": listing.name,
        "description": listing.description,
        "price_minor_units": listing.price_minor_units,
        "price_currency": listing.price_currency,
        "status": listing.status,
        "availability": listing.availability,
        "last_updated_us": listing.last_updated_us,
        "version": listing.version,
        "sought": sought_of(listing.code, listing.name or "") if known else None,
        "body": _body(listing),
    }


def sought_of(code: str, name: str) -> str:
    """The text by which a product is found."""
    return beginning_of(code) + search_text(name)


def beginning_of(code: str) -> str:
    """How the text of a product begins."""
    return f"{search_text(code)}\n"


def listing_from_row(row: Sequence[Any]) -> Listing:
    return Listing(*row)


_FIELDS = [field.name for field in attrs.fields(Listing)]


def _body(listing: Listing) -> bytes | None:
    if listing.registered is None:
        return None
    price = listing.price_minor_units
    return msgspec.json.encode(
        ListedProduct(
            listing.name or "",
            listing.code,
            listing.description,
            None if price is None else ListedPrice(price, listing.price_currency or ""),
            listing.status or LISTED,
            listing.availability,
            from_us(listing.last_updated_us),
        )
    )


class ListingTable:
    """The write side: loads the rows of a batch and stores them."""

    def __init__(self, table: sa.Table) -> None:
        self.table = table
        self._hold = Prepared(
            sa.text(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE")
        )
        self._load = Prepared(
            sa.select(*(table.c[name] for name in _FIELDS)).where(
                one_of(table.c.code, "codes")
            )
        )
        self._add = Prepared(sa.insert(table))
        put = insert(table)
        self._put = Prepared(
            put.on_conflict_do_update(
                index_elements=[table.c.code],
                set_={
                    name: put.excluded[name]
                    for name in table.columns.keys()  # noqa: SIM118 - iterating yields columns
                    if name != "code"
                },
            )
        )
        self._put_availability = Prepared(
            sa.update(table)
            .where(table.c.code == sa.bindparam("of"))
            .values(
                {
                    name: sa.bindparam(name)
                    for name in ("availability", "last_updated_us", "body")
                }
            )
        )

    def hold(self, connection: Connection) -> None:
        """Lock the table for writes in this transaction; reads continue.

        Two subscriptions update each row, one half each. SQLite has one writer anyway.
        """
        if connection.dialect.name == "postgresql":
            self._hold.send(connection)

    def load(self, connection: Connection, codes: Iterable[str]) -> dict[str, Listing]:
        wanted = {"codes": json.dumps(list(codes))}
        rows = self._load.rows(connection, wanted)
        return {row[0]: listing_from_row(row) for row in rows}

    def put(self, connection: Connection, listings: Iterable[Listing]) -> None:
        rows = [listing_to_row(listing) for listing in listings]
        self._put.send(connection, rows)

    def add(self, connection: Connection, listings: Iterable[Listing]) -> None:
        """Insert rows of which `load` has found none in this transaction."""
        self._add.send(connection, [listing_to_row(listing) for listing in listings])

    def put_availability(
        self, connection: Connection, listings: Iterable[Listing]
    ) -> None:
        """Update the availability of existing rows."""
        rows = [
            {
                "of": listing.code,
                "availability": listing.availability,
                "last_updated_us": listing.last_updated_us,
                "body": _body(listing),
            }
            for listing in listings
        ]
        self._put_availability.send(connection, rows)


product_listing = listing_table("product_listing", metadata)
# Both databases also have an index of trigrams of `sought`: the migrations create it.
sa.Index("product_listing_place", product_listing.c.place)
sa.Index(
    "product_listing_availability",
    product_listing.c.availability,
    product_listing.c.place,
)


LISTING_TABLE = ListingTable(product_listing)
"""Its statements are compiled once in a process."""
