"""A connection in the sense of rmq: who holds which messages, and lives.

What stands in its `unacked` list is what it holds. A connection whose heartbeat is gone
has died: any other one puts back what it held.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import structlog
import uuid_utils

from shared_kernel.clock import Clock, moments_of
from shared_kernel.queues.port import BrokerAwayError
from shared_kernel.queues.redis import layout
from shared_kernel.queues.redis.cleaner import Cleaner
from shared_kernel.queues.redis.link import RedisLink
from shared_kernel.queues.redis.taken import TakenEntries

if TYPE_CHECKING:
    from redis import Redis

BEAT_US = 1_000_000
CLEAN_US = 5_000_000

_log = structlog.get_logger(__name__)


def new_name(consumer: str) -> str:
    """`consumer` is the readable part of it."""
    return f"{consumer}-{uuid_utils.uuid7()}"


class RmqConnection:
    """Of one consumer of `queue`; what connections have taken stands in `taken`.

    One thread uses it. Nothing is raised while Redis is away: what has to be told is
    told when it is back.
    """

    def __init__(
        self, link: RedisLink, queue: str, name: str, clock: Clock, taken: TakenEntries
    ) -> None:
        self.name = name.encode()
        self._link = link
        self._queue = queue.encode()
        self._ready = layout.ready(self._queue)
        self._unacked = layout.unacked(self.name, self._queue)
        self._now = moments_of(clock)
        self._cleaner = Cleaner(self.name, taken)
        self._beat_at_us = self._clean_at_us = 0
        self._held: deque[bytes] = deque()
        self._acknowledged: list[bytes] = []
        self._rejected: list[bytes] = []
        # A pop whose answer was lost has filled `unacked` all the same.
        self._in_doubt = False

    def take(self, most: int) -> list[bytes]:
        """At most `most`, the oldest first; they stay held until they are settled."""
        if len(self._held) < most and self._tell():
            self._ask(lambda client: self._pop(client, most - len(self._held)))
        return list(self._held)[:most]

    def settle(self, acknowledged: Sequence[bytes], rejected: Sequence[bytes]) -> bool:
        """Of those that were taken, and in their order: the first ones.

        False if Redis is away: then it is told later.
        """
        for _ in range(len(acknowledged) + len(rejected)):
            self._held.popleft()
        self._acknowledged += acknowledged
        self._rejected += rejected
        return self._tell()

    def doubt(self) -> None:
        """Look at what is held before the next message is taken."""
        self._in_doubt = True

    def acknowledge(self, taken: Callable[[bytes], bool]) -> bool:
        """Those of what is held that are `taken`; False if Redis is away."""
        if not self._tell():
            return False
        held, self._held = self._held, deque()
        for raw in held:
            (self._acknowledged if taken(raw) else self._held).append(raw)
        return self._tell()

    def keep(self) -> None:
        """Say that it is alive, and clean up after the dead, when it is time."""
        now_us = self._now().monotonic_us
        if now_us >= self._beat_at_us:
            self._beat_at_us = now_us + BEAT_US
            self._ask(self._beat)
        if now_us >= self._clean_at_us:
            self._clean_at_us = now_us + CLEAN_US
            self._ask(self._cleaner.step)

    def close(self) -> None:
        """Others can have what it still holds, at once."""
        if self._tell() and self._ask(self._put_back):
            self._ask(self._forget)
        self._held.clear()
        self._beat_at_us = 0

    def _tell(self) -> bool:
        """Tell Redis what is settled; False if it is away."""
        if (self._acknowledged or self._rejected) and not self._ask(self._settle):
            return False
        return not self._in_doubt or self._ask(self._look)

    def _ask(self, request: Callable[["Redis"], object]) -> bool:
        try:
            self._link.ask(request)
        except BrokerAwayError:
            self._in_doubt = True
            return False
        return True

    def _register(self, pipeline: Any) -> None:
        # Before anything is popped: the heartbeat first, then who has it.
        beating = layout.heartbeat(self.name)
        pipeline.set(beating, 1, ex=layout.HEARTBEAT_S)
        pipeline.sadd(layout.OUR_CONNECTIONS, self.name)
        pipeline.sadd(layout.queues_of(self.name), self._queue)

    def _pop(self, client: "Redis", most: int) -> None:
        with client.pipeline(transaction=False) as pipeline:
            self._register(pipeline)
            for _ in range(most):
                pipeline.rpoplpush(self._ready, self._unacked)
            answers = pipeline.execute(raise_on_error=False)
        popped = answers[-most:]
        self._held.extend(each for each in popped if isinstance(each, bytes))
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer

    def _settle(self, client: "Redis") -> None:
        with client.pipeline(transaction=bool(self._rejected)) as pipeline:
            for raw in self._rejected:
                pipeline.lpush(layout.rejected(self._queue), raw)
            for raw in [*self._rejected, *self._acknowledged]:
                pipeline.lrem(self._unacked, 1, raw)  # type: ignore[arg-type] # bytes
            removed = pipeline.execute()[len(self._rejected) :]
        self._rejected.clear()
        self._acknowledged.clear()
        if taken := removed.count(0):
            _log.warning("another connection took what was held", messages=taken)

    def _look(self, client: "Redis") -> None:
        held: Any = client.lrange(self._unacked, 0, -1)
        self._held = deque(reversed(held))
        self._in_doubt = False

    def _beat(self, client: "Redis") -> None:
        with client.pipeline(transaction=False) as pipeline:
            self._register(pipeline)
            pipeline.sadd(layout.consumers(self.name, self._queue), self.name)
            pipeline.sadd(layout.QUEUES, self._queue)
            pipeline.execute()

    def _put_back(self, client: "Redis") -> None:
        while client.rpoplpush(self._unacked, self._ready) is not None:
            pass

    def _forget(self, client: "Redis") -> None:
        with client.pipeline() as pipeline:
            pipeline.srem(layout.OUR_CONNECTIONS, self.name)
            pipeline.delete(
                layout.heartbeat(self.name),
                layout.queues_of(self.name),
                layout.consumers(self.name, self._queue),
            )
            pipeline.execute()
