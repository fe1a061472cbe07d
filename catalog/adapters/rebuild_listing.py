"""Rebuilds the product listing from the logs, beside the one in use.

It fills a new table, with new indexes where they can be renamed. The last transaction
replaces the old table and moves the cursors of the listing's subscription to the
positions that the rebuild has reached; a running subscription, in any process, notices
and continues from there. So an interrupt at any point leaves the old listing unchanged,
and the next rebuild deletes the remains.

Dead letters stay as they are: neither they nor the events parked behind them are
applied. Nor are events that an operator has discarded, unless that is asked for; those
that one has edited are applied as edited. An event that fails becomes a dead letter: so
whatever is missing from the listing is recorded.

Of two rebuilds the later one is refused with AnotherRebuildError.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from catalog.adapters import listing_indexes
from catalog.adapters.excluded_keys import DeadLettersChangedError, ExcludedKeys
from catalog.adapters.rebuild_sources import (
    Source,
    fold_product_events,
    fold_stock_events,
)
from catalog.read_model.product_listing import (
    Listing,
    ListingTable,
    listing_table,
    product_listing,
)
from shared_kernel.buses.envelope import Envelope
from shared_kernel.clock import Clock, moments_of
from shared_kernel.events.cursors import (
    Cursor,
    CursorMovedError,
    Place,
    overtake,
    place_of,
)
from shared_kernel.events.errors import UnreadableEventError
from shared_kernel.events.event_log import EventFeed
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import is_timeout

BATCH = 5000
ROWS_HELD = 50_000
"""How many rows are folded in memory before they are written."""

LOOK_EVERY_S = 0.1
LOOKS = 42
"""Attempts to take the fence, for longer than the lease of a rebuild that ended."""

_NEW = listing_table(f"{product_listing.name}_rebuild", sa.MetaData())
_NEW_LISTING = ListingTable(_NEW)
_RENAME = sa.text(f"ALTER TABLE {_NEW.name} RENAME TO {product_listing.name}")


class AnotherRebuildError(Exception):
    """The listing was not rebuilt; the old one stays in use."""

    def __init__(self) -> None:
        super().__init__(
            "the listing is being rebuilt by another process: let that one end"
        )


@contextmanager
def _timeout_means_another_rebuild() -> Iterator[None]:
    """A timeout at the fence means that another rebuild is building indexes."""
    try:
        yield
    except OperationalError as error:
        if not is_timeout(error):
            raise
        raise AnotherRebuildError from error


class _Overtaken(Exception):
    """The listing in use is ahead of the rebuild."""


class ListingRebuild:
    """`begin`, `step` until it returns 0, `swap`; if that returns False, `step` again.

    `subscription` keeps the listing up to date, from `products` and `stock`, whose
    events are in their newest versions; `newest` makes those of edited ones.
    """

    def __init__(
        self,
        subscription: str,
        products: EventFeed,
        stock: EventFeed,
        database: Database,
        *,
        holder: str,
        clock: Clock,
        newest: Callable[[Envelope], Envelope] = lambda envelope: envelope,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._sleep = sleep or threading.Event().wait
        self._subscription = subscription
        self._sources = (
            Source(products, fold_product_events),
            Source(stock, fold_stock_events),
        )
        self._database = database
        self._now = moments_of(clock)
        # A fencing token, not a place in a log: it counts transactions, so that a
        # rebuild that has lost its lease cannot write.
        self._fence = Cursor(database, f"{subscription}.rebuild", "rebuild", holder)
        self._table = _NEW_LISTING
        self._rows: dict[str, Listing] = {}
        self._written = False
        self._indexed = False
        self._excluded_keys = ExcludedKeys(
            subscription, [source.feed.source for source in self._sources], newest
        )

    @property
    def passed(self) -> int:
        """How many events have been read."""
        return sum(source.position for source in self._sources)

    @property
    def total(self) -> int:
        """How many events there are now."""
        return sum(source.feed.head() for source in self._sources)

    @property
    def added_dead_letters(self) -> int:
        return self._excluded_keys.added

    def run(
        self,
        show: Callable[[], None],
        *,
        with_discarded: bool = False,
        as_published: bool = False,
    ) -> None:
        """Rebuild, calling `show` after each step. Raises AnotherRebuildError.

        `with_discarded`: apply also the events that an operator has discarded.
        `as_published`: apply those that one has edited as the log has them.
        """
        self._excluded_keys.with_discarded = with_discarded
        self._excluded_keys.as_published = as_published
        swapped = False
        while not swapped:
            try:
                self.begin()
                while not swapped:
                    while self.step():
                        show()
                    swapped = self.swap()
            except DeadLettersChangedError:
                continue
            finally:
                self.end()

    def begin(self) -> None:
        """Start with an empty table. Raises AnotherRebuildError.

        It waits long enough to see whether another rebuild has ended without release.
        """
        self._take()
        for source in self._sources:
            source.place, source.time_us = Place(), 0
        self._rows, self._written, self._indexed = {}, False, False

        def empty(connection: Connection) -> None:
            _NEW.drop(connection, checkfirst=True)
            _NEW.create(connection)
            self._excluded_keys.begin(connection)

        self._commit(empty)

    def step(self) -> int:
        """Read a batch from the source that is behind in time; return its size."""
        self._hold()
        for source in sorted(self._sources, key=lambda source: source.time_us):
            batch = source.feed.read(source.position, BATCH)
            if batch:
                self._fold(source, batch)
                source.place = place_of(batch[-1])
                source.time_us = batch[-1].time_us
                if len(self._rows) > ROWS_HELD:
                    self._write(self._write_rows)
                return len(batch)
        return 0

    def swap(self) -> bool:
        """Replace the old listing with the new one; False if the old one is ahead.

        Raises AnotherRebuildError and DeadLettersChangedError.
        """
        if not self._indexed:
            self._write(self._write_indexed)
            self._indexed = True
        try:
            self._commit(self._replace)
        except _Overtaken:
            return False
        return True

    def end(self) -> None:
        """Let another rebuild begin at once."""
        self._fence.release()

    def _take(self) -> None:
        for _ in range(LOOKS):
            with _timeout_means_another_rebuild():
                if self._fence.lease(self._now()):
                    return
            self._sleep(LOOK_EVERY_S)
        raise AnotherRebuildError

    def _hold(self) -> None:
        with _timeout_means_another_rebuild():
            held = self._fence.lease(self._now())
        if not held:
            raise AnotherRebuildError

    def _write(self, write: Callable[[Connection], None]) -> None:
        self._commit(write)
        self._rows, self._written = {}, True

    def _commit(self, write: Callable[[Connection], None]) -> None:
        to = Place(self._fence.position + 1)
        try:
            with self._database.writing() as connection:
                with _timeout_means_another_rebuild():
                    self._fence.move(connection, to, self._now().wall_us)
                write(connection)
        except CursorMovedError as error:
            raise AnotherRebuildError from error
        self._fence.moved(to, self._now())

    def _fold(self, source: Source, batch: Sequence[Envelope]) -> None:
        batch = self._excluded_keys.applicable(batch)
        if self._written:
            self._load({envelope.key for envelope in batch})
        try:
            source.fold(self._rows, self._excluded_keys.edited(batch))
        except UnreadableEventError:
            self._fold_singly(source, batch)

    def _fold_singly(self, source: Source, batch: Sequence[Envelope]) -> None:
        for envelope in batch:
            if self._excluded_keys.holds_back(envelope):
                continue
            try:
                source.fold(self._rows, self._excluded_keys.edited([envelope]))
            except UnreadableEventError as error:
                self._excluded_keys.dead_letter(envelope, error)

    def _load(self, codes: Iterable[str]) -> None:
        missing = [code for code in codes if code not in self._rows]
        with self._database.reading() as connection:
            self._rows |= self._table.load(connection, missing)

    def _write_rows(self, connection: Connection) -> None:
        self._table.put(connection, self._rows.values())

    def _write_indexed(self, connection: Connection) -> None:
        self._write_rows(connection)
        listing_indexes.build(connection, product_listing.name, _NEW.name)

    def _replace(self, connection: Connection) -> None:
        for source in self._sources:
            if not overtake(
                connection, self._subscription, source.feed.source, source.place
            ):
                raise _Overtaken
        self._excluded_keys.add_to(connection, self._now().wall_us)
        self._write_rows(connection)
        left = listing_indexes.what_is_left(connection, product_listing.name, _NEW.name)
        product_listing.drop(connection)
        connection.execute(_RENAME)
        for statement in left:
            connection.exec_driver_sql(statement)
