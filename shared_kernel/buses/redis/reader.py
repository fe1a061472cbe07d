"""A thread that reads streams with a client of its own, and resumes after faults."""

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import structlog

from shared_kernel.buses.redis.connection import FAULTS, RedisConnection

BLOCK_S = 1.0
"""How long a request waits for new entries."""
FIRST_BACKOFF_S, MAX_BACKOFF_S = 0.05, 1.0
JOIN_S = 2.0

_log = structlog.get_logger(__name__)


class Source(Protocol):
    """What is read."""

    def begin(self, client: Any) -> None:
        """Before the first reading, and again after each fault."""

    def read(self, client: Any) -> None:
        """Wait for entries, up to BLOCK_S, and deliver them."""

    def leave(self) -> None:
        """Deliver nothing from now on."""

    def give_back(self, client: Any) -> None:
        """At the end: others may have what was taken and not answered."""


class Reader:
    """`name` is that of the thread. A slow receiver delays no other reader."""

    def __init__(
        self,
        connection: RedisConnection,
        source: Source,
        name: str,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._connection = connection
        self._source = source
        self._jitter = jitter
        self._client = connection.client(waits_s=BLOCK_S)
        self._unblocking = connection.client()
        self._own_id: int | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"storehouse-redis-{name}", daemon=True
        )

    def start(self) -> None:
        """Return when it listens, or when Redis turns out to be away."""
        with suppress(*FAULTS):
            self._source.begin(self._client)
        self._thread.start()

    def end(self) -> None:
        """Deliver nothing from now on. May be called again."""
        self._source.leave()
        self._ended.set()
        if self._thread is threading.current_thread():
            return
        with suppress(*FAULTS):
            if self._own_id is not None:
                self._unblocking.client_unblock(self._own_id)
        self._thread.join(JOIN_S)
        self._unblocking.close()

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def _run(self) -> None:
        failures = 0
        while not self.ended:
            try:
                if self._own_id is None:
                    self._source.begin(self._client)
                    self._own_id = self._client.client_id()
                self._source.read(self._client)
            except FAULTS as error:
                self._own_id = None
                failures += 1
                self._connection.broker.lost(error)
                self._back_off(failures)
            else:
                failures = 0
                self._connection.broker.found()
        with suppress(*FAULTS):
            self._source.give_back(self._client)
        self._client.close()

    def _back_off(self, failures: int) -> None:
        at_most_s = min(FIRST_BACKOFF_S * 2 ** min(failures, 16), MAX_BACKOFF_S)
        self._ended.wait(at_most_s * (0.5 + self._jitter() / 2))
