"""A subscription that reads lamps, and what an operator can do with its dead letters.

An event of a lamp is applied if it says how many watts it has; an effect is its
position, and the watts as its key.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope, heartbeat
from shared_kernel.buses.port import Delivery
from shared_kernel.dead_letters.letter import DeadLetter
from shared_kernel.events.entries import Entry
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.reading import read_as
from shared_kernel.events.subscription import Subscription
from shared_kernel.events.versions import Versions
from shared_kernel.repair.payloads import PublishedPayloads
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared
from tests.databases import Databases
from tests.shared_kernel.events.builders import (
    SOURCE,
    ManualClock,
    a_database,
    apply_effects,
)

NAME = "lamps"
_EFFECTS = Prepared(sa.text("SELECT position, key FROM effects ORDER BY number"))


@attrs.frozen(kw_only=True)
class LampLit:
    """A lamp was lit."""

    sku: str
    watts: int


@attrs.frozen(kw_only=True)
class Lit:
    """What the subscription reads."""

    watts: int


def apply(batch: Sequence[Envelope], connection: Connection) -> None:
    for envelope in batch:
        watts = read_as(Lit, envelope).watts
        apply_effects([attrs.evolve(envelope, key=str(watts))], connection)


def a_payload(key: str, watts: object) -> bytes:
    return json.dumps({"sku": key, "watts": watts}).encode()


@attrs.frozen
class Lamps:
    source: Database
    reader: Database
    clock: ManualClock = attrs.field(factory=ManualClock)

    @property
    def log(self) -> EventLog:
        return EventLog(self.source, SOURCE)

    @property
    def letters(self) -> DeadLetters:
        check = PublishedPayloads({"lamp.lit": LampLit}, Versions(), {Lit: ("lamp.*",)})
        reader = NAME, SOURCE
        return DeadLetters(
            self.reader, {reader: apply}, self.clock, checks={reader: check}
        )

    def lit(self, *lamps: tuple[str, object]) -> None:
        """Record that lamps with so many watts were lit, and read the log."""
        entries = [
            Entry("lamp.lit", key, a_payload(key, watts), None) for key, watts in lamps
        ]
        with self.source.writing() as connection:
            appended = self.log.append(connection, entries, self.clock.us)
        self.log.settle(appended)
        self.read()

    def read(self) -> None:
        reader = Subscription(
            NAME, self.log, self.reader, apply, holder="one", clock=self.clock
        )
        end = heartbeat(SOURCE, self.log.head(), self.clock.us)
        reader.deliver(Delivery([end], from_log=True))
        while reader.step():
            pass
        reader.stop()

    def effects(self) -> list[tuple[int, str]]:
        """Position and watts, in the order of applying."""
        with self.reader.reading() as connection:
            return [(row[0], row[1]) for row in _EFFECTS.rows(connection, {})]

    def states(self) -> list[tuple[int, str]]:
        return [(each.envelope.position, each.state) for each in self.all()]

    def all(self) -> list[DeadLetter]:
        return self.letters.list()

    def done(self) -> list[tuple[int, str, str, str]]:
        """What operators did: letter, action, who and why, the oldest first."""
        return [
            (each.letter, each.action, each.who, each.why)
            for each in reversed(self.letters.repairs())
        ]


@contextmanager
def some_lamps(databases: Databases) -> Iterator[Lamps]:
    with (
        a_database(databases.url("catalog")) as source,
        a_database(databases.url("inventory")) as reader,
    ):
        yield Lamps(source, reader)
