"""A subscription whose log is in another process, and envelopes of its relay."""

from collections.abc import Sequence

import attrs

from shared_kernel.buses.envelope import Envelope
from shared_kernel.events import dropped
from shared_kernel.events.event_log import EventLog, Mark
from shared_kernel.events.identity import (
    LogKeys,
)
from shared_kernel.events.seal import sealed
from shared_kernel.events.subscription import Subscription
from shared_kernel.storage.database import Database
from tests.shared_kernel.events.builders import (
    SOURCE,
    ManualClock,
    apply_effects,
)

OURS = "our-relay"


@attrs.define
class Elsewhere:
    """The feed of a log in another process, which may be unreachable."""

    log: EventLog
    away: bool = False
    asked_for_keys: int = 0

    @property
    def source(self) -> str:
        return self.log.source

    def read(self, after: int, limit: int) -> list[Envelope]:
        self._reach()
        return self.log.read(after, min(limit, 1000))

    def head(self) -> int:
        self._reach()
        return self.log.head()

    def mark(self, position: int) -> Mark:
        self._reach()
        return self.log.mark(position)

    def keys(self) -> LogKeys:
        self.asked_for_keys += 1
        self._reach()
        return self.log.keys()

    def _reach(self) -> None:
        if self.away:
            raise ConnectionRefusedError


def a_reader(
    feed: Elsewhere | EventLog,
    database: Database,
    clock: ManualClock,
    *,
    confirms: bool = False,
) -> Subscription:
    return Subscription(
        "listing",
        feed,
        database,
        apply_effects,
        holder="one",
        clock=clock,
        confirms=confirms,
    )


def seals(
    log: EventLog, batch: Sequence[Envelope], previous: str = "", relay: str = OURS
) -> list[Envelope]:
    """Envelopes as a relay sends them."""
    done = []
    for envelope in batch:
        key = log.keys().key
        done.append(sealed(envelope, key, previous=previous, relay=relay))
        previous = envelope.id
    return done


def step(reader: Subscription, clock: ManualClock) -> None:
    """Step until nothing more happens and the counts are saved."""
    for _ in range(5):
        while reader.step():
            pass
        clock.advance(0.3)


def counts(database: Database) -> dict[str, int]:
    with database.reading() as connection:
        found = dropped.counted(connection, "listing", SOURCE)
    return {reason: count for reason, count in found.items() if count}


def cut(source: Database, behind: int) -> None:
    with source.writing() as connection:
        connection.exec_driver_sql(f"DELETE FROM event_log WHERE position > {behind}")


def keys_applied(database: Database) -> list[str]:
    with database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT key FROM effects ORDER BY number")
        return [key for (key,) in rows]
