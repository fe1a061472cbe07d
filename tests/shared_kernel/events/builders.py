"""A log, a subscriber's database, and a clock that the test controls."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.buses.broker import BrokerState
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import Capabilities, Deliver, Leave
from shared_kernel.clock import Moment, to_us
from shared_kernel.dead_letters.tables import (
    dead_letter_repairs_table,
    dead_letters_table,
    discarded_events_table,
    edited_events_table,
)
from shared_kernel.events.cursors import Cursor, cursors_table
from shared_kernel.events.dropped import dropped_table
from shared_kernel.events.entries import Entry, event_log_table
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.identity import (
    IDENTITY,
    compacted_table,
    identity_table,
    new_identity_row,
    relays_table,
)
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOURCE = "shop"

_metadata = sa.MetaData()
for table in (
    event_log_table,
    identity_table,
    compacted_table,
    relays_table,
    cursors_table,
    dead_letters_table,
    dead_letter_repairs_table,
    discarded_events_table,
    edited_events_table,
    dropped_table,
):
    table(_metadata)
# Without a unique key: an event that is applied twice has two rows.
_effects = sa.Table(
    "effects",
    _metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("position", sa.Integer),
    sa.Column("key", sa.Text),
)
_APPLY = Prepared(
    sa.text("INSERT INTO effects (position, key) VALUES (:position, :key)")
)
_APPLIED = Prepared(sa.text("SELECT position FROM effects ORDER BY number"))


class ManualClock:
    """Stands still until the test advances it."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    @property
    def us(self) -> int:
        return to_us(self.now)

    @property
    def moment(self) -> Moment:
        return Moment(self.us, self.us)

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def watch(self, cursor: Cursor) -> bool:
        """Try to take an inactive owner's lease; return whether that succeeds."""
        for _ in range(4):
            cursor.lease(self.moment)
            self.advance(1.1)
        return cursor.lease(self.moment)


@contextmanager
def a_database(where: Path | str) -> Iterator[Database]:
    """With all tables of the kernel, and one for effects.

    `where` is a SQLite file or the URL of a database; in PostgreSQL that has the
    kernel's tables already.
    """
    url = f"sqlite:///{where}" if isinstance(where, Path) else where
    database = Database(url, synchronous="NORMAL")
    with database.writing() as connection:
        _metadata.create_all(connection)
        if not connection.execute(sa.select(IDENTITY)).all():
            connection.execute(sa.insert(IDENTITY), new_identity_row())
    try:
        yield database
    finally:
        database.close()


def an_entry(key: str = "LAMP-0001", type_: str = "lamp.lit") -> Entry:
    return Entry(type_, key, b'{"sku":"%b"}' % key.encode(), None)


def record(log: EventLog, database: Database, keys: Iterable[str]) -> list[Envelope]:
    """Append an event for each of `keys`, in one commit."""
    with database.writing() as connection:
        appended = log.append(connection, [an_entry(key) for key in keys], to_us(NOON))
    return log.read(log.settle(appended) - appended.count, 100_000)


def an_envelope(
    position: int, type_: str = "lamp.lit", source: str = SOURCE, key: str = "LAMP-0001"
) -> Envelope:
    return Envelope(position, f"id-{position}", source, type_, key, 0, None, b"{}")


def apply_effects(batch: Sequence[Envelope], connection: Connection) -> None:
    rows = [{"position": each.position, "key": each.key} for each in batch]
    _APPLY.write_all(connection, rows)


def applied(database: Database) -> list[int]:
    """The applied positions, in the order of applying."""
    with database.reading() as connection:
        return [position for (position,) in _APPLIED.rows(connection, {})]


@attrs.define
class Failing:
    """Applies events, except those of the positions it fails on."""

    positions: set[int] = attrs.field(factory=set)
    error: Callable[[], Exception] = attrs.field(default=lambda: KeyError("failing"))
    tried: list[list[int]] = attrs.field(factory=list)

    def __call__(self, batch: Sequence[Envelope], connection: Connection) -> None:
        self.tried.append([each.position for each in batch])
        for envelope in batch:
            apply_effects([envelope], connection)
            if envelope.position in self.positions:
                raise self.error()


class RecordingBus:
    """Records what is published, and delivers nothing."""

    def __init__(self, *, between_replicas: bool = False) -> None:
        self.capabilities = Capabilities(
            between_processes=between_replicas,
            between_replicas=between_replicas,
            at_least_once=False,
            waits_for_members=False,
            in_order=True,
        )
        self.published: list[Envelope] = []
        self.batches: list[int] = []

    def broker(self) -> BrokerState:
        return BrokerState(kind="recording")

    def publish(self, batch: Sequence[Envelope]) -> None:
        self.published += batch
        self.batches.append(len(batch))

    def open(self) -> None:
        pass

    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        return lambda: None

    def close(self) -> None:
        pass

    def events(self) -> list[int]:
        return [each.position for each in self.published if not each.is_heartbeat]

    def heartbeats(self) -> list[int]:
        return [each.position for each in self.published if each.is_heartbeat]
