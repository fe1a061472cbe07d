"""Hands what stands in a log to the bus, in order, and announces how far it goes."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.adapters.clock import Clock, system_clock, to_us
from shared_kernel.adapters.database import Database
from shared_kernel.adapters.prepared import Prepared
from shared_kernel.buses.port import EventBus
from shared_kernel.events.envelope import heartbeat
from shared_kernel.events.event_log import EventFeed

BATCH = 1000
SAVE_EVERY_US = 250_000
HEARTBEAT_EVERY_US = 1_000_000


def relay_table(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "relay",
        metadata,
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("published", sa.BigInteger, nullable=False),
    )


_RELAY = relay_table(sa.MetaData())
_PUBLISHED = Prepared(
    sa.select(_RELAY.c.published).where(_RELAY.c.name == sa.bindparam("relay"))
)
_BEGIN = Prepared(sa.insert(_RELAY))
# Never backwards: another process may have published further.
_SAVE = Prepared(
    sa.update(_RELAY)
    .where(_RELAY.c.name == sa.bindparam("relay"))
    .where(_RELAY.c.published < sa.bindparam("position"))
    .values(published=sa.bindparam("position"))
)


class Relay:
    """Publishes each entry at least once, in order.

    How far it came is saved after publishing, and not for each batch: a crash repeats
    some entries, which subscriptions drop. An entry that the bus loses is found by
    the subscription too; so a relay never waits for anybody.
    """

    def __init__(
        self,
        feed: EventFeed,
        database: Database,
        bus: EventBus,
        clock: Clock = system_clock,
    ) -> None:
        self.name = f"{feed.source}.relay"
        self._feed = feed
        self._database = database
        self._bus = bus
        self._clock = clock
        self._position: int | None = None
        self._saved = 0
        self._next_save_us = 0
        self._next_heartbeat_us = 0

    def step(self) -> int:
        """Publish what is new, at most one batch; answer how many entries."""
        position = self._begin() if self._position is None else self._position
        batch = self._feed.read(position, BATCH)
        now_us = to_us(self._clock())
        if batch:
            self._bus.publish(batch)
            self._position = batch[-1].position
        if now_us >= self._next_save_us and self._saved != self._position:
            self.save()
            self._next_save_us = now_us + SAVE_EVERY_US
        if now_us >= self._next_heartbeat_us:
            head = self._position or 0
            self._bus.publish([heartbeat(self._feed.source, head, now_us)])
            self._next_heartbeat_us = now_us + HEARTBEAT_EVERY_US
        return len(batch)

    def save(self) -> None:
        """Remember how far the log has been published."""
        if self._position is None or self._saved == self._position:
            return
        with self._database.writing() as connection:
            _SAVE.write(connection, {"relay": self.name, "position": self._position})
        self._saved = self._position

    def stop(self) -> None:
        """The last thing a process does: what it published need not be repeated."""
        self.save()

    def published(self) -> int:
        """The position up to which the log is known to have been published."""
        with self._database.reading() as connection:
            saved = self._saved_in(connection)
        return max(saved or 0, self._position or 0)

    def _begin(self) -> int:
        with self._database.writing() as connection:
            saved = self._saved_in(connection)
            if saved is None:
                _BEGIN.write(connection, {"name": self.name, "published": 0})
        self._position = self._saved = saved or 0
        return self._position

    def _saved_in(self, connection: Connection) -> int | None:
        row = _PUBLISHED.row(connection, {"relay": self.name})
        return row[0] if row else None
