"""SQLite's index of the listing's texts, filled behind the listing.

In large steps a text costs 10 to 30 µs, with each new product 300. Queries look through
what is not indexed yet (`listing_search`), so the index only has to follow, and leaves
the processor to those that write the listing meanwhile.
"""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.clock import Clock, to_us
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared

BATCH, BATCH_MEANWHILE = 5000, 1000
"""The texts of one step; fewer if the listing has grown since the last one."""

PAUSE_US = 500_000
LEAST = 200
"""So few texts are left to the queries: looking through them takes 0.1 ms."""

_BEYOND = (
    "FROM product_listing WHERE place > (SELECT indexed_to FROM product_search_state)"
    " ORDER BY place"
)
_ARE_ENOUGH = Prepared(sa.text(f"SELECT 1 {_BEYOND} LIMIT 1 OFFSET :least"))
_HEAD = Prepared(sa.text("SELECT max(place) FROM product_listing"))
_LAST = Prepared(
    sa.text(
        f"SELECT max(place), count(*) FROM (SELECT place {_BEYOND} LIMIT :most)"  # noqa: S608
    )
)
_ADD = Prepared(
    sa.text(
        "INSERT INTO product_search (rowid, sought) SELECT place, sought"
        f" {_BEYOND} LIMIT :most"
    )
)
_MOVE = Prepared(sa.text("UPDATE product_search_state SET indexed_to = :last"))

START_AGAIN = (
    "INSERT INTO product_search (product_search) VALUES ('delete-all')",
    "UPDATE product_search_state SET indexed_to = 0",
)
"""Statements for when the listing is replaced; on SQLite only."""


def start_again(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        for statement in START_AGAIN:
            connection.exec_driver_sql(statement)


class ListingTextIndex:
    """Looks twice a second for texts beyond the index."""

    def __init__(self, name: str, database: Database, clock: Clock) -> None:
        self.name = name
        self._database = database
        self._clock = clock
        self._next_us = 0
        self._head: int | None = None

    def step(self) -> int:
        """Add at most one batch; return how many texts it had."""
        now_us = to_us(self._clock())
        if now_us < self._next_us:
            return 0
        with self._database.reading() as connection:
            (head,) = _HEAD.row(connection, {}) or (None,)
            are_enough = _ARE_ENOUGH.row(connection, {"least": LEAST}) is not None
        grows, self._head = head != self._head, head
        if grows or not are_enough:
            self._next_us = now_us + PAUSE_US
        if not are_enough:
            return 0
        with self._database.writing() as connection:
            return _add(connection, BATCH_MEANWHILE if grows else BATCH)


def _add(connection: Connection, most: int) -> int:
    last, count = _LAST.row(connection, {"most": most}) or (None, 0)
    if last is None:
        # Another process was faster.
        return 0
    _ADD.write(connection, {"most": most})
    _MOVE.write(connection, {"last": last})
    return int(count)
