"""Queues on a Redis of the test."""

from typing import Protocol, TypeAlias

import attrs

from shared_kernel.clock import Clock
from shared_kernel.queues.brokered import BrokeredQueue
from shared_kernel.queues.redis.channel import RedisChannel
from shared_kernel.queues.redis.link import RedisLink, open_link
from shared_kernel.storage.database import Database
from tests.redis_server import RedisServer
from tests.shared_kernel.events.builders import ManualClock
from tests.shared_kernel.queues.builders import SETTINGS

READY = "rmq::queue::[work]::ready"
REJECTED = "rmq::queue::[work]::rejected"
ORIGIN = "shop"
RedisQueue: TypeAlias = BrokeredQueue[RedisChannel]
opened: list[RedisLink] = []
"""By the present test; they are closed after it."""


class MakeRedis(Protocol):
    def __call__(
        self, database: Database, consumer: str, clock: Clock
    ) -> RedisQueue: ...


def redis_queue(url: str) -> MakeRedis:
    def make(database: Database, consumer: str, clock: Clock) -> RedisQueue:
        channel = RedisChannel(
            a_link(url, clock), "work", database, consumer=consumer, clock=clock
        )
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

    return make


def a_link(url: str, clock: Clock) -> RedisLink:
    opened.append(open_link(url, clock=clock, jitter=lambda: 1.0))
    return opened[-1]


@attrs.frozen
class RedisBench:
    """Rows in `database`, hurried by `server`."""

    database: Database
    server: RedisServer
    clock: ManualClock = attrs.field(factory=ManualClock)

    def queue(self, consumer: str = "one", clock: Clock | None = None) -> RedisQueue:
        return self.queue_by(self.server.url, consumer, clock)

    def queue_by(
        self, url: str, consumer: str = "one", clock: Clock | None = None
    ) -> RedisQueue:
        return redis_queue(url)(self.database, consumer, clock or self.clock)

    def all_keys(self) -> list[str]:
        return sorted(key.decode() for key in self.server.client.keys("*"))
