"""Pages of the listing, cached until the listing changes."""

import threading
from collections.abc import Sequence

import attrs

from catalog.read_model import listing_queries
from catalog.read_model.listing_queries import ListingPage
from shared_kernel.storage.database import Database

MOST_BYTES = 256 * 1024
"""The cache of one thread: a page of a thousand products, or some of a hundred."""

Asked = tuple[int, int, str | None, str | None]


@attrs.define
class _Kept:
    """What a thread has read since the database was at `version`."""

    version: str
    size_bytes: int = 0
    pages: dict[Asked, ListingPage] = attrs.field(factory=dict)


class ListingPages:
    """A cached page is as fresh as a new query.

    The database is asked whether anything was committed since, which costs a twentieth
    of reading a hundred rows.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._of_thread = threading.local()

    def named(self, codes: Sequence[str]) -> ListingPage:
        """The products of these codes, in this order; not cached."""
        with self._database.reading() as connection:
            return listing_queries.named(connection, codes)

    def page(
        self, after: int, limit: int, availability: str | None, sought: str | None
    ) -> ListingPage:
        """At most `limit` products after place `after`."""
        asked = (after, limit, availability, sought)
        with self._database.reading() as connection:
            version = self._database.version(connection)
            kept: _Kept | None = getattr(self._of_thread, "kept", None)
            if kept is None or kept.version != version:
                kept = self._of_thread.kept = _Kept(version)
            page = kept.pages.get(asked)
            if page is None:
                page = listing_queries.page(connection, *asked)
                kept.size_bytes += len(page.body)
                if kept.size_bytes <= MOST_BYTES:
                    kept.pages[asked] = page
        return page
