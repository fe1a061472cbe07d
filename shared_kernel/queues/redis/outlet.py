"""Hands messages over to workers that read rmq's lists, such as the chapter's."""

from typing import TYPE_CHECKING

from shared_kernel.queues.port import Message
from shared_kernel.queues.redis import layout
from shared_kernel.queues.redis.entries import entry_for_others
from shared_kernel.queues.redis.link import RedisLink

if TYPE_CHECKING:
    from redis import Redis


class Outlet:
    """Into the list of `queue`, which must not be one that we consume ourselves.

        work.start_consuming(10, 0.5, Outlet(link, "test_queue").hand_over)

    A message is finished here once Redis has it; from then on it is as safe as Redis.
    At least once: after a crash in between it is handed over again, with the same id.
    """

    def __init__(self, link: RedisLink, queue: str) -> None:
        self._link = link
        self._queue = queue.encode()

    def hand_over(self, message: Message) -> None:
        """A callback. Raises BrokerAwayError, which does not count as an attempt."""
        raw = entry_for_others(message)

        def push(client: "Redis") -> None:
            with client.pipeline() as pipeline:
                pipeline.sadd(layout.QUEUES, self._queue)
                pipeline.lpush(layout.ready(self._queue), raw)
                pipeline.execute()

        self._link.ask(push)
