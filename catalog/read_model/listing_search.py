"""Finds products by words of their SKU or name, in the order of their registration.

PostgreSQL has a trigram index on the texts. On SQLite the index of texts is a table of
FTS5, `product_search`, filled behind the listing: what is beyond `indexed_to` is looked
through. Both indexes find candidates; the texts themselves decide.

Where no index helps, products are looked through, `MOST_LOOKED_AT` in a statement and
`MOST_LOOKS` times for a page. Only in a catalog of more than that may a page be short,
even empty, though more products follow.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from catalog.read_model.product_listing import product_listing as _listing
from catalog.read_model.search_text import TRIGRAM, has_three_letters, trigrams_of
from shared_kernel.storage.prepared import Prepared, holds

MOST_LOOKED_AT, MOST_LOOKS = 10_000, 10

Asked = Mapping[str, Any]
_AFTER = _listing.c.place > sa.bindparam("after")
_UP_TO = _listing.c.place <= sa.bindparam("up_to")
_AVAILABLE = _listing.c.availability == sa.bindparam("availability")
_INDEXED_TO = Prepared(sa.text("SELECT indexed_to FROM product_search_state"))
_BY_TEXT = (
    " FROM product_search CROSS JOIN product_listing"
    " ON product_listing.place = product_search.rowid"
    " WHERE product_search MATCH :trigrams"
    " AND product_search.rowid > :after AND product_search.rowid <= :up_to"
)
_LAST_BY_TEXT = Prepared(
    sa.text(
        "SELECT rowid FROM product_search WHERE product_search MATCH :trigrams"
        " AND rowid > :after AND rowid <= :up_to"
        " ORDER BY rowid LIMIT 1 OFFSET :most - 1"
    )
)


_ADD_LATE = Prepared(
    sa.text(
        "INSERT INTO product_search (rowid, sought)"
        " SELECT place, sought FROM product_listing WHERE place >= :first"
        " AND place <= (SELECT indexed_to FROM product_search_state)"
        " AND place IN (SELECT value FROM json_each(:places))"
    )
)


@attrs.frozen
class Found:
    """`rows` are JSON and place; `next_after` is where to go on, None at the end."""

    rows: Sequence[tuple[bytes, int]]
    next_after: int | None


@attrs.frozen
class _Statements:
    """For a number of words, with or without an availability.

    `all` are all rows after a place. `passed` are those up to another place, and `last`
    is the place of the last one that may be looked at. `by_text` are those that
    SQLite's index of texts finds.
    """

    all: Prepared
    passed: Prepared
    last: Prepared
    by_text: Prepared


def index_late(connection: Connection, places: Sequence[int]) -> None:
    """Add to SQLite's index the texts of new rows that it has passed already.

    Such rows come of events that were dead letters for a while. Later ones are added
    behind the listing, and triggers keep what is there.
    """
    if places and connection.dialect.name == "sqlite":
        asked = {"first": min(places), "places": json.dumps(places)}
        _ADD_LATE.send(connection, [asked])


def find(
    connection: Connection,
    after: int,
    limit: int,
    availability: str | None,
    words: Sequence[str],
) -> Found:
    """The first `limit` products after place `after` with all of `words_of` a text."""
    rows: list[Any] = []
    for _ in range(MOST_LOOKS):
        left = limit - len(rows)
        found = _look(connection, after, left, availability, words)
        rows += found.rows
        if found.next_after is None or len(rows) == limit:
            return Found(rows, found.next_after)
        after = found.next_after
    return Found(rows, after)


def _look(
    connection: Connection,
    after: int,
    limit: int,
    availability: str | None,
    words: Sequence[str],
) -> Found:
    """The same, but fewer if it has looked at many."""
    statements = _statements(len(words), availability is not None)
    asked = {
        "after": after,
        "most": MOST_LOOKED_AT,
        "availability": availability,
        **{f"word{number}": word for number, word in enumerate(words)},
    }
    indexed = [word for word in words if is_indexed(connection, word)]
    if not indexed:
        return _looked_through(connection, statements, asked, limit)
    if connection.dialect.name == "postgresql":
        rows = statements.all.rows(connection, asked | {"limit": limit + 1})
        return _cut(rows, limit, None)
    return _by_text(connection, statements, asked | _match(indexed), limit)


def is_indexed(connection: Connection, word: str) -> bool:
    """Whether the index of texts finds it: by three characters in a row.

    For PostgreSQL they are letters or digits.
    """
    if connection.dialect.name == "postgresql":
        return has_three_letters(word)
    return len(word) >= TRIGRAM


def _by_text(
    connection: Connection, statements: _Statements, asked: Asked, limit: int
) -> Found:
    (indexed_to,) = _INDEXED_TO.row(connection, {}) or (0,)
    asked = {**asked, "up_to": indexed_to, "limit": limit + 1}
    last = None
    if asked["availability"] is not None:
        (last,) = _LAST_BY_TEXT.row(connection, asked) or (None,)
    given = asked if last is None else {**asked, "up_to": last}
    found = _cut(statements.by_text.rows(connection, given), limit, last)
    if found.next_after is not None:
        return found
    beyond = {**asked, "after": max(asked["after"], indexed_to)}
    rest = _looked_through(connection, statements, beyond, limit - len(found.rows))
    return Found([*found.rows, *rest.rows], rest.next_after)


def _looked_through(
    connection: Connection, statements: _Statements, asked: Asked, limit: int
) -> Found:
    (last,) = statements.last.row(connection, asked) or (None,)
    given = {**asked, "limit": limit + 1, "up_to": 2**63 - 1 if last is None else last}
    rows = statements.passed.rows(connection, given)
    return _cut(rows, limit, last, asked["after"])


def _cut(rows: Sequence[Any], limit: int, last: int | None, after: int = 0) -> Found:
    """`last` is the place at which looking ended before the end."""
    if len(rows) <= limit:
        return Found(rows, last)
    kept = rows[:limit]
    return Found(kept, kept[-1][1] if kept else after)


def _match(indexed: Sequence[str]) -> dict[str, str]:
    """In the language of FTS5: the trigrams, each in quotation marks."""
    quoted = (
        '"' + trigram.replace('"', '""') + '"'
        for word in indexed
        for trigram in trigrams_of(word)
    )
    return {"trigrams": " AND ".join(quoted)}


@lru_cache(maxsize=256)
def _statements(words: int, available: bool) -> _Statements:
    names = [f"word{number}" for number in range(words)]
    listed = [_AFTER, *([_AVAILABLE] if available else [])]
    found = (
        sa.select(_listing.c.body, _listing.c.place)
        .where(*listed, *(holds(_listing.c.sought, name) for name in names))
        .order_by(_listing.c.place)
        .limit(sa.bindparam("limit"))
    )
    last = (
        sa.select(_listing.c.place)
        .where(*listed)
        .order_by(_listing.c.place)
        .limit(1)
        .offset(sa.bindparam("most", type_=sa.Integer) - 1)
    )
    conditions = "".join(
        f" AND instr(product_listing.sought, :{name}) > 0" for name in names
    )
    if available:
        # `+`: not by the index of availabilities.
        conditions += " AND +availability = :availability"
    by_text = (
        f"SELECT body, place{_BY_TEXT}{conditions}"
        " ORDER BY product_search.rowid LIMIT :limit"
    )
    return _Statements(
        all=Prepared(found, planned_anew=True),
        passed=Prepared(found.where(_UP_TO), planned_anew=True),
        last=Prepared(last, planned_anew=True),
        by_text=Prepared(sa.text(by_text)),
    )
