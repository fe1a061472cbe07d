"""Wakes a consumer when its list in Redis has a message, and once a second anyhow."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from shared_kernel.queues.port import BrokerAwayError
from shared_kernel.queues.redis import layout
from shared_kernel.queues.redis.link import RedisLink

if TYPE_CHECKING:
    from redis import Redis

BLOCK_S = 0.25
"""A stop waits for so long at most."""
WAKE_S = 1.0

_log = structlog.get_logger(__name__)


class Waiter:
    """Takes nothing: only the consumer moves messages, in its own thread."""

    def __init__(self, link: RedisLink, queue: str, wake: Callable[[], None]) -> None:
        self._link = link
        self._ready = layout.ready(queue.encode())
        self._wake = wake
        self._wake_at_s = 0.0
        self._armed = threading.Event()
        self._stopping = threading.Event()
        self._supported = True
        self._thread = threading.Thread(
            target=self._run, name=f"queue-{queue}-redis", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._armed.set()
        self._thread.join()

    def arm(self) -> None:
        """The list is empty: wake the consumer when it is not any more."""
        self._armed.set()

    def step(self) -> None:
        if self._armed.wait(BLOCK_S) and self._arrived():
            self._armed.clear()
            self._wake()
        if time.monotonic() >= self._wake_at_s:
            self._wake_at_s = time.monotonic() + WAKE_S
            self._wake()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.step()

    def _arrived(self) -> bool:
        """Wait a moment for a message."""
        if self._supported:
            try:
                return self._link.ask(self._look)
            except BrokerAwayError:
                pass
        self._stopping.wait(BLOCK_S)
        return False

    def _look(self, client: "Redis") -> bool:
        from redis import ResponseError  # noqa: PLC0415 - an optional extra

        try:
            # From the right end to the right end: nothing is moved, and who waits for
            # the first message is woken by it.
            found = client.blmove(self._ready, self._ready, BLOCK_S, "RIGHT", "RIGHT")  # type: ignore[arg-type] # bytes
        except ResponseError as error:
            if "unknown command" not in str(error).lower():
                raise
            _log.warning("redis has no BLMOVE: it is polled", redis=self._link.shown)
            self._supported = False
            return False
        return found is not None
