"""Queues over real brokers that deliver again, for `redelivering_contract`."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

import attrs

from shared_kernel.clock import Clock
from shared_kernel.queues.bodies import Received
from shared_kernel.queues.brokered import BrokeredQueue
from shared_kernel.queues.received import ReceivedMessages
from shared_kernel.queues.redelivering import Broker, BrokerLink, RedeliveringChannel
from shared_kernel.queues.sql import SqlQueue
from shared_kernel.storage.database import Database
from tests.brokers import Broker as Server
from tests.cluster import wait_until
from tests.shared_kernel.events.builders import ManualClock
from tests.shared_kernel.queues.builders import SETTINGS, Make

ORIGIN = "shop"
KEPT_S = 3600
opened: list[BrokeredQueue[RedeliveringChannel]] = []
"""By the present test; they are closed after it."""
Break: TypeAlias = Callable[[Broker], Broker]


class Place(Protocol):
    """A queue `work` on a real server, as another program sees it too."""

    @property
    def server(self) -> Server: ...

    def link(self, clock: Clock, *, ack_wait_s: int = 30) -> BrokerLink: ...

    def send(
        self,
        body: bytes,
        attributes: Mapping[str, str] | None = None,
        queue: str = "work",
    ) -> None:
        """As another program does. The queue is there."""

    def wipe(self) -> None:
        """Delete all that is stored."""


class Whole:
    """Does all that `broker` does."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    def send(self, bodies: Sequence[bytes]) -> None:
        self.broker.send(bodies)

    def receive(self, most: int, wait_s: float) -> list[Received]:
        return self.broker.receive(most, wait_s)

    def acknowledge(self, receipts: Sequence[object]) -> None:
        self.broker.acknowledge(receipts)

    def release(self, receipts: Sequence[object]) -> None:
        self.broker.release(receipts)

    def counts(self) -> dict[str, int]:
        return self.broker.counts()

    def purge(self) -> None:
        self.broker.purge()


@attrs.frozen
class BrokerBench:
    """Rows in `database`, hurried by the broker at `place`.

    `broken` replaces its adapter.
    """

    database: Database
    place: Place
    broken: Break | None = None
    clock: ManualClock = attrs.field(factory=ManualClock)

    def queue(
        self,
        consumer: str = "one",
        clock: Clock | None = None,
        *,
        ack_wait_s: int = 30,
    ) -> BrokeredQueue[RedeliveringChannel]:
        clock = clock or self.clock
        link = self.place.link(clock, ack_wait_s=ack_wait_s)
        if self.broken is not None:
            link._client = self.broken(link._client)
        queue = queue_over(link, self.database, consumer, clock)
        opened.append(queue)
        return queue


def queue_over(
    link: BrokerLink, database: Database, consumer: str, clock: Clock
) -> BrokeredQueue[RedeliveringChannel]:
    received = ReceivedMessages(database, "work", KEPT_S, clock)
    channel = RedeliveringChannel(link, received, name="work", unnamed="greet")
    return BrokeredQueue(
        "work",
        database,
        channel,
        origin=lambda: ORIGIN,
        consumer=consumer,
        settings=SETTINGS,
        clock=clock,
        jitter=lambda: 1.0,
    )


def redelivering_queue(place: Place) -> Make:
    def make(database: Database, consumer: str, clock: Clock) -> SqlQueue:
        opened.append(queue_over(place.link(clock), database, consumer, clock))
        return opened[-1]

    return make


def close_opened() -> None:
    while opened:
        queue = opened.pop()
        # A check that has failed has not stopped it.
        queue.stop(1)
        queue.close()


def is_there(queue: BrokeredQueue[RedeliveringChannel]) -> None:
    """The queue is made in the broker."""
    wait_until(lambda: queue.lists() is not None, "the broker")


def arrived(queue: BrokeredQueue[RedeliveringChannel], count: int = 1) -> None:
    """So many entries wait for the consumer; `read` is what its thread does."""

    def have_arrived() -> bool:
        queue.channel.arm()
        queue.channel.read()
        return len(queue.channel._arrived) >= count

    wait_until(have_arrived, f"{count} messages")


def threads() -> set[str]:
    return {each.name for each in threading.enumerate() if each.is_alive()}
