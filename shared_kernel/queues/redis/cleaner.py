"""Puts back what dead connections held, ours and those of other programs.

What a connection of ours had made rows is removed instead. The cleaner of rmq would put
that back, too, so it does not see ours.
"""

from collections import Counter
from typing import TYPE_CHECKING, Any

import structlog

from shared_kernel.queues.redis import layout
from shared_kernel.queues.redis.taken import TakenEntries, is_among

if TYPE_CHECKING:
    from redis import Redis

PAGE = 1000

_log = structlog.get_logger(__name__)


class Cleaner:
    """For all connections but `own`: dead is one whose heartbeat is gone."""

    def __init__(self, own: bytes, taken: TakenEntries) -> None:
        self._own = own
        self._taken = taken

    def step(self, client: "Redis") -> int:
        """Put back at most a page of each queue; return how many messages in all."""
        # Who notes something there is in Redis already, so it is asked second.
        noting = self._taken.connections()
        sets = [layout.OUR_CONNECTIONS, layout.CONNECTIONS]
        connections: Any = client.sunion(sets)
        for gone in noting - {each.decode(errors="replace") for each in connections}:
            self._taken.forget(gone)
        return sum(
            self._clean(client, each)
            for each in sorted(connections)
            if each != self._own and not client.exists(layout.heartbeat(each))
        )

    def _clean(self, client: "Redis", dead: bytes) -> int:
        queues: Any = client.smembers(layout.queues_of(dead))
        shown = dead.decode(errors="replace")
        noted = self._taken.of(shown)
        if noted:
            for queue in sorted(queues):
                _remove(client, layout.unacked(dead, queue), noted)
        pages = {queue: _put_back(client, dead, queue) for queue in sorted(queues)}
        if all(count < PAGE for count in pages.values()):
            if noted:
                self._taken.forget(shown)
            _forget(client, dead, list(pages))
        messages = sum(pages.values())
        _log.warning("connection is gone", connection=shown, messages=messages)
        return messages


def _remove(client: "Redis", unacked: bytes, noted: Counter[bytes]) -> None:
    """What is noted there, unless another one does the same meanwhile."""

    def remove(pipeline: Any) -> None:
        left = noted.copy()
        raws = [raw for raw in pipeline.lrange(unacked, 0, -1) if is_among(left, raw)]
        pipeline.multi()
        for raw in raws:
            pipeline.lrem(unacked, 1, raw)

    client.transaction(remove, unacked)


def _put_back(client: "Redis", dead: bytes, queue: bytes) -> int:
    """Each by one command: no crash loses or doubles a message."""
    with client.pipeline(transaction=False) as pipeline:
        for _ in range(PAGE):
            pipeline.rpoplpush(layout.unacked(dead, queue), layout.ready(queue))
        return sum(answer is not None for answer in pipeline.execute())


def _forget(client: "Redis", dead: bytes, queues: list[bytes]) -> None:
    # Never the list of messages: it is gone when it is empty.
    with client.pipeline() as pipeline:
        for queue in queues:
            pipeline.delete(layout.consumers(dead, queue))
        pipeline.delete(layout.queues_of(dead))
        for connections in (layout.OUR_CONNECTIONS, layout.CONNECTIONS):
            pipeline.srem(connections, dead)
        pipeline.execute()
