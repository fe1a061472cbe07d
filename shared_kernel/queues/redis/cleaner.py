"""Puts back what dead connections held, ours and those of other programs."""

from typing import TYPE_CHECKING, Any

import structlog

from shared_kernel.queues.redis import layout

if TYPE_CHECKING:
    from redis import Redis

PAGE = 1000

_log = structlog.get_logger(__name__)


class Cleaner:
    """For all connections but `own`: dead is one whose heartbeat is gone."""

    def __init__(self, own: bytes) -> None:
        self._own = own

    def step(self, client: "Redis") -> int:
        """Put back at most a page of each queue; return how many messages in all."""
        connections: Any = client.smembers(layout.CONNECTIONS)
        return sum(
            self._clean(client, each)
            for each in sorted(connections)
            if each != self._own and not client.exists(layout.heartbeat(each))
        )

    def _clean(self, client: "Redis", dead: bytes) -> int:
        queues: Any = client.smembers(layout.queues_of(dead))
        pages = {queue: _put_back(client, dead, queue) for queue in sorted(queues)}
        if all(count < PAGE for count in pages.values()):
            _forget(client, dead, list(pages))
        messages = sum(pages.values())
        shown = dead.decode(errors="replace")
        _log.warning("connection is gone", connection=shown, messages=messages)
        return messages


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
        pipeline.srem(layout.CONNECTIONS, dead)
        pipeline.execute()
