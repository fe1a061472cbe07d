"""A log, its relay and a subscription, joined by a bus with its real server."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import attrs

from shared_kernel.buses.envelope import HEARTBEAT
from shared_kernel.buses.port import Deliver, EventBus, Followed, Leave, LogBus
from shared_kernel.clock import Clock, to_us
from shared_kernel.events.entries import Entry
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.relay import Relay
from shared_kernel.events.subscription import Join, Subscription
from shared_kernel.runtime.service import group_of
from shared_kernel.storage.database import Database
from tests.contract.bus_bench import Bench
from tests.contract.reading import CountedFeed, Reader
from tests.shared_kernel.events.builders import SOURCE, a_database

PATTERN = "product.>"
TIMEOUT_S = 20.0
NAME = "listing"


def joins_on(bus: EventBus, name: str = NAME) -> list[Join]:
    """As the runtime does (`Runtime.subscription`)."""
    if isinstance(bus, LogBus):
        return [partial(_follow, bus, name)]
    return [
        partial(_subscribe, bus, name, subject)
        for subject in (PATTERN, f"{HEARTBEAT}.{SOURCE}")
    ]


def _follow(bus: LogBus, name: str, log: str, applied: int, deliver: Deliver) -> Leave:
    followed = Followed(
        source=SOURCE, pattern=PATTERN, group=name, log=log, after=applied
    )
    return bus.follow(followed, deliver)


def _subscribe(
    bus: EventBus, name: str, subject: str, log: str, _: int, deliver: Deliver
) -> Leave:
    return bus.subscribe(subject, group_of(name, log), deliver)


@attrs.frozen
class OverABus:
    """`beside`: the subscription is in the log's process, and compares with the log."""

    log: EventLog
    source: Database
    relay: Relay
    reader: Reader
    subscription: Subscription
    clock: Clock

    def record(self, *data: bytes | None) -> None:
        """An event for each of `data`, in one commit; None is some data."""
        entries = [
            Entry("product.inserted", f"LAMP-{number}", each or b"{}", None)
            for number, each in enumerate(data)
        ]
        with self.source.writing() as connection:
            appended = self.log.append(connection, entries, to_us(self.clock()))
        self.log.settle(appended)

    def work(self) -> None:
        self.relay.step()
        self.subscription.step()

    def until_all_is_applied(self, then: Callable[[], None] = lambda: None) -> None:
        """`then` is called after each step."""
        deadline, pause = time.monotonic() + TIMEOUT_S, threading.Event()
        while self.subscription.cursor.position < self.log.head():
            assert time.monotonic() < deadline, "applying takes too long"
            self.work()
            then()
            pause.wait(0.005)


@contextmanager
def over(
    bench: Bench,
    folder: Path,
    clock: Clock,
    *,
    publishes: Callable[[EventBus, EventLog], EventBus] = lambda bus, _: bus,
    beside: bool = False,
) -> Iterator[OverABus]:
    """`publishes` makes what the relay publishes on."""
    with ExitStack() as stack:
        source, read = (
            stack.enter_context(a_database(folder / f"{name}.db"))
            for name in ("shop", "listing")
        )
        log = EventLog(source, SOURCE)
        relay = Relay(log, publishes(bench.another(), log), clock, holder="one")
        reader = Reader(read, CountedFeed(log))
        subscription = reader.subscription(
            clock, joins_on(bench.another()), confirms=beside
        )
        yield OverABus(log, source, relay, reader, subscription, clock)
        subscription.stop()
        relay.stop()


def positions(of: OverABus) -> Sequence[int]:
    return [each.position for each in of.reader.applied]
