"""The queries of the product listing: none reads all of it.

Where a value may be rare or frequent, PostgreSQL plans each query anew.
"""

import json
from collections.abc import Sequence
from typing import Any

import attrs
import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from catalog.read_model.listing_search import find, is_indexed
from catalog.read_model.product_listing import AVAILABILITIES, beginning_of
from catalog.read_model.product_listing import product_listing as _listing
from catalog.read_model.search_text import words_of
from shared_kernel.domain.foreign_names import folded
from shared_kernel.storage.prepared import Prepared, one_of

_PAGE = (
    sa.select(_listing.c.body, _listing.c.place)
    .where(_listing.c.place > sa.bindparam("after"))
    .order_by(_listing.c.place)
    .limit(sa.bindparam("limit"))
)
_AVAILABLE = _listing.c.availability == sa.bindparam("availability")
# By whether an availability is asked for.
_PAGES = {
    False: Prepared(_PAGE),
    True: Prepared(_PAGE.where(_AVAILABLE), planned_anew=True),
}
_ONE = Prepared(
    sa.select(_listing.c.body, _listing.c.version).where(
        _listing.c.code == sa.bindparam("code"), _listing.c.body.is_not(None)
    )
)
_NAMED = Prepared(
    sa.select(_listing.c.body, _listing.c.code).where(
        one_of(_listing.c.code, "codes"), _listing.c.body.is_not(None)
    )
)
_NEWEST = Prepared(
    sa.select(_listing.c.body)
    .where(_listing.c.place.is_not(None))
    .order_by(_listing.c.place.desc())
    .limit(sa.bindparam("limit"))
)


def _number_of(availability: str) -> sa.ScalarSelect[Any]:
    """The number of listed products; at most `most` are counted."""
    some = (
        sa.select(_listing.c.place)
        .where(_listing.c.availability == availability, _listing.c.place.is_not(None))
        .limit(sa.bindparam("most"))
        .subquery()
    )
    return sa.select(sa.func.count()).select_from(some).scalar_subquery()


_COUNTS = Prepared(sa.select(*map(_number_of, AVAILABILITIES)), planned_anew=True)
MOST_COUNTED = 10_000
"""For each availability: counting a million takes too long for a page."""
MOST_ALIKE = 20
"""Codes may end alike, or differ in accents."""


class _Coded(msgspec.Struct, frozen=True):
    code: str


_code = msgspec.json.Decoder(_Coded)


@attrs.frozen
class ListingPage:
    """`body` is a JSON array; `next_after` is where to continue, None at the end."""

    body: bytes
    next_after: int | None


@attrs.frozen
class Counted:
    """The number of `products`; `more` if there are more than were counted."""

    products: int
    more: bool


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
    """At most `limit` products after place `after`, with all words of `sought`."""
    words = words_of(_storable(sought)) if sought else []
    if words:
        found = find(connection, after, limit, availability, words)
        return ListingPage(_array(found.rows), found.next_after)
    asked = {"after": after, "limit": limit + 1, "availability": availability}
    rows = _PAGES[availability is not None].rows(connection, asked)
    more = len(rows) > limit
    return ListingPage(_array(rows[:limit]), rows[limit - 1][1] if more else None)


def named(connection: Connection, codes: Sequence[str]) -> ListingPage:
    """The products of `codes` that are known, in this order, each once."""
    wanted = {"codes": json.dumps(list(codes))}
    found = {row[1]: row for row in _NAMED.rows(connection, wanted)}
    rows = [found[code] for code in dict.fromkeys(codes) if code in found]
    return ListingPage(_array(rows), None)


def _array(rows: Sequence[tuple[Any, ...]]) -> bytes:
    return b"[%b]" % b",".join([body for body, _ in rows])


def one(connection: Connection, code: str) -> ListedBody | None:
    row = _ONE.row(connection, {"code": _storable(code)})
    return None if row is None else ListedBody(*row)


def same_code(connection: Connection, code: str) -> str | None:
    """The code of a listed product that differs only in case or compatibility form.

    The index of texts finds it; where that does not help, it is not looked for.
    """
    line = beginning_of(code)
    if not is_indexed(connection, line):
        return None
    alike = find(connection, 0, MOST_ALIKE, None, [line])
    codes = (_code.decode(body).code for body, _ in alike.rows)
    return next((each for each in codes if folded(each) == folded(code)), None)


def newest(connection: Connection, limit: int) -> list[bytes]:
    return [body for (body,) in _NEWEST.rows(connection, {"limit": limit})]


def counts(connection: Connection) -> dict[str, Counted]:
    """The number of listed products by availability, without zeros."""
    most = MOST_COUNTED
    numbers = _COUNTS.row(connection, {"most": most + 1}) or ()
    return {
        availability: Counted(min(number, most), number > most)
        for availability, number in zip(AVAILABILITIES, numbers, strict=True)
        if number
    }


def _storable(text: str) -> str:
    """PostgreSQL has no text with NUL, and raises an error if a query contains one."""
    return text.replace("\0", "\ufffd")
