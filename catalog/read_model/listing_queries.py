"""The questions that are asked of the product listing, one statement each."""

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from catalog.read_model.product_listing import product_listing as _listing
from shared_kernel.adapters.prepared import Prepared, holds

_PAGE = (
    sa.select(_listing.c.body, _listing.c.place)
    .where(_listing.c.place > sa.bindparam("after"))
    .order_by(_listing.c.place)
    .limit(sa.bindparam("limit"))
)
_AVAILABLE = _listing.c.availability == sa.bindparam("availability")
_SOUGHT = holds(_listing.c.sought, "sought")
# By what is asked for: nothing, an availability, a text, both.
_PAGES = {
    (False, False): Prepared(_PAGE),
    (True, False): Prepared(_PAGE.where(_AVAILABLE)),
    (False, True): Prepared(_PAGE.where(_SOUGHT)),
    (True, True): Prepared(_PAGE.where(_AVAILABLE, _SOUGHT)),
}
_ONE = Prepared(
    sa.select(_listing.c.body, _listing.c.version).where(
        _listing.c.code == sa.bindparam("code"), _listing.c.body.is_not(None)
    )
)
_NEWEST = Prepared(
    sa.select(_listing.c.body)
    .where(_listing.c.place.is_not(None))
    .order_by(_listing.c.place.desc())
    .limit(sa.bindparam("limit"))
)
_COUNTS = Prepared(
    sa.select(_listing.c.availability, sa.func.count())
    .where(_listing.c.place.is_not(None))
    .group_by(_listing.c.availability)
)


@attrs.frozen
class ListingPage:
    """`body` is a JSON array; `next_after` the place to go on from, None at the end."""

    body: bytes
    next_after: int | None


@attrs.frozen
class ListedBody:
    """`body` is one product's JSON; `version` the product's."""

    body: bytes
    version: int


def page(
    connection: Connection,
    after: int,
    limit: int,
    availability: str | None = None,
    sought: str | None = None,
) -> ListingPage:
    """At most `limit` products behind place `after`."""
    statement = _PAGES[availability is not None, sought is not None]
    asked = {
        "after": after,
        "limit": limit + 1,
        "availability": availability,
        "sought": _storable(sought.casefold()) if sought else sought,
    }
    rows = statement.rows(connection, asked)
    more = len(rows) > limit
    rows = rows[:limit]
    return ListingPage(
        body=b"[%b]" % b",".join([body for body, _ in rows]),
        next_after=rows[-1][1] if more else None,
    )


def one(connection: Connection, code: str) -> ListedBody | None:
    row = _ONE.row(connection, {"code": _storable(code)})
    return None if row is None else ListedBody(*row)


def newest(connection: Connection, limit: int) -> list[bytes]:
    return [body for (body,) in _NEWEST.rows(connection, {"limit": limit})]


def counts(connection: Connection) -> dict[str, int]:
    """How many listed products have each availability."""
    return {row[0]: row[1] for row in _COUNTS.rows(connection, {})}


def _storable(text: str) -> str:
    """PostgreSQL has no text with NUL in it, so it does not answer where that is."""
    return text.replace("\0", "\ufffd")
