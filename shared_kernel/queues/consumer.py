"""Fetches messages and hands them to a bounded pool of threads."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Protocol

import structlog

from shared_kernel.clock import Clock, moments_of
from shared_kernel.queues.jobs import Job
from shared_kernel.queues.lease import ConsumerLease
from shared_kernel.queues.port import Callback
from shared_kernel.storage.errors import is_fault

SWEEP_US = 1_000_000
DRAIN_LOOK_S = 0.5
SLOWEST = 8
"""An idle queue is polled up to so many times more slowly."""

_log = structlog.get_logger(__name__)


class Claims(Protocol):
    """What a consumer needs of its queue."""

    name: str
    lease: ConsumerLease

    def claim(self, most: int, floor: int) -> list[Job]: ...

    def process(self, job: Job, callback: Callback) -> None: ...

    def wake(self) -> None: ...


class Consumer:
    """Each step keeps the lease, and fetches as many messages as have a place.

    At most `size` are held at a time. `callback` is called in `pool`.
    """

    def __init__(
        self,
        queue: Claims,
        size: int,
        callback: Callback,
        pool: Executor,
        clock: Clock,
    ) -> None:
        self.name = queue.name
        self.paused = False
        self._queue = queue
        self._size = size
        self._callback = callback
        self._pool = pool
        self._now = moments_of(clock)
        self._changing = threading.Condition()
        self._held = 0
        self._floor = 0
        self._sweep_at_us = 0

    def step(self) -> int:
        """Fetch one batch; return how many messages."""
        if self._queue.lease.keep():
            self._sweep_at_us = 0
        free = self._size - self._held
        if self.paused or free <= 0:
            return 0
        now_us = self._now().monotonic_us
        if now_us >= self._sweep_at_us:
            self._floor, self._sweep_at_us = 0, now_us + SWEEP_US
        claimed = self._queue.claim(free, self._floor)
        with self._changing:
            self._held += len(claimed)
        for job in claimed:
            self._floor = job.number
            self._pool.submit(self._process, job)
        return len(claimed)

    def drain(self) -> None:
        """Return when all that was fetched is settled."""
        while not self._is_empty(DRAIN_LOOK_S):
            self._queue.lease.keep()
        self._queue.lease.end()

    def _is_empty(self, timeout_s: float) -> bool:
        with self._changing:
            return self._changing.wait_for(lambda: self._held == 0, timeout_s)

    def _process(self, job: Job) -> None:
        try:
            self._queue.process(job, self._callback)
        finally:
            if job.message.key is not None:
                # The next one of its key is free now, perhaps behind the floor.
                self._sweep_at_us = 0
            with self._changing:
                self._held -= 1
                self._changing.notify_all()
            self._queue.wake()


class Loop:
    """Steps a consumer in a thread: at once while there is work, slower when idle."""

    def __init__(
        self, consumer: Consumer, poll_interval_s: float, close: Callable[[], object]
    ) -> None:
        self._consumer = consumer
        self._poll_interval_s = poll_interval_s
        self._close = close
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"queue-{consumer.name}", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        """Fetch nothing more; return when all that was fetched is settled."""
        self._stopping.set()
        self._woken.set()
        self._thread.join()
        self._consumer.drain()
        self._close()

    def _run(self) -> None:
        idle = 1
        while not self._stopping.is_set():
            self._woken.clear()
            if self._step():
                idle = 1
            else:
                if self._woken.wait(self._poll_interval_s * idle):
                    idle = 1
                idle = min(idle * 2, SLOWEST)

    def _step(self) -> int:
        try:
            return self._consumer.step()
        except Exception as error:
            if not is_fault(error):
                raise
            _log.warning("queue waits", queue=self._consumer.name, error=str(error))
            return 0
