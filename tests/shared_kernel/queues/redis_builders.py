"""Queues on a Redis of the test."""

from typing import Protocol

import attrs

from shared_kernel.clock import Clock
from shared_kernel.queues.redis.link import Link, open_link
from shared_kernel.queues.redis.queue import RedisQueue
from shared_kernel.storage.database import Database
from tests.redis_server import RedisServer
from tests.shared_kernel.events.builders import ManualClock
from tests.shared_kernel.queues.builders import SETTINGS

READY = "rmq::queue::[work]::ready"
REJECTED = "rmq::queue::[work]::rejected"
ORIGIN = "shop"
opened: list[Link] = []
"""By the present test; they are closed after it."""


class MakeRedis(Protocol):
    def __call__(
        self, database: Database, consumer: str, clock: Clock
    ) -> RedisQueue: ...


def redis_queue(url: str) -> MakeRedis:
    def make(database: Database, consumer: str, clock: Clock) -> RedisQueue:
        return RedisQueue(
            "work",
            database,
            a_link(url, clock),
            origin=lambda: ORIGIN,
            listed="work",
            consumer=consumer,
            settings=SETTINGS,
            clock=clock,
            jitter=lambda: 1.0,
        )

    return make


def a_link(url: str, clock: Clock) -> Link:
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
