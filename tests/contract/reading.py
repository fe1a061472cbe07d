"""A subscription that records what it is given to apply, and counts its reads."""

from collections.abc import Sequence

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope
from shared_kernel.clock import Clock
from shared_kernel.events import dropped
from shared_kernel.events.event_log import EventLog, Mark
from shared_kernel.events.identity import LogKeys
from shared_kernel.events.subscription import Join, Subscription
from shared_kernel.storage.database import Database
from tests.shared_kernel.events.builders import SOURCE, apply_effects


@attrs.define
class CountedFeed:
    """Counts how often `log` is read."""

    log: EventLog
    reads: int = 0

    @property
    def source(self) -> str:
        return self.log.source

    def read(self, after: int, limit: int) -> list[Envelope]:
        self.reads += 1
        return self.log.read(after, limit)

    def head(self) -> int:
        return self.log.head()

    def mark(self, position: int) -> Mark:
        return self.log.mark(position)

    def keys(self) -> LogKeys:
        return self.log.keys()


@attrs.define(eq=False)
class Reader:
    """A subscription with a database of its own, and what it was given to apply."""

    database: Database
    feed: CountedFeed
    applied: list[Envelope] = attrs.field(factory=list)

    def subscription(
        self, clock: Clock, joins: Sequence[Join], *, confirms: bool
    ) -> Subscription:
        return Subscription(
            "listing",
            self.feed,
            self.database,
            self._apply,
            holder="one",
            clock=clock,
            joins=joins,
            confirms=confirms,
        )

    def _apply(self, batch: Sequence[Envelope], connection: Connection) -> None:
        apply_effects(batch, connection)
        self.applied += [attrs.evolve(each, relay="", seal="") for each in batch]

    def dropped(self) -> set[str]:
        with self.database.reading() as connection:
            counts = dropped.counted(connection, "listing", SOURCE)
        return {reason for reason, count in counts.items() if count}

    def tables(self) -> dict[str, list[dict[str, object]]]:
        """All rows, except counters, leases, stored keys and the reader's name."""
        apart = {"lease_holder", "lease_until_us", "log_keys"}
        found = {}
        with self.database.reading() as connection:
            names = set(sa.inspect(connection).get_table_names())
            for name in sorted(names - {"dropped_messages", "log_identity"}):
                rows = connection.exec_driver_sql(f"SELECT * FROM {name}").mappings()
                found[name] = [
                    {column: row[column] for column in row if column not in apart}
                    for row in rows
                ]
        return found
