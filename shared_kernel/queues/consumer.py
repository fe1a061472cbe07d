"""Fetches messages, hands them to a bounded pool of threads, and settles them.

All statements of a consumer run in one thread: what was processed meanwhile is settled
together, in the transaction that fetches the next messages.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Protocol

import attrs
import structlog

from shared_kernel.clock import Clock, moments_of
from shared_kernel.queues.lease import BEAT_US, ConsumerLease
from shared_kernel.queues.port import Callback, Message
from shared_kernel.storage.errors import is_fault

SWEEP_US = 1_000_000
DRAIN_LOOK_S = 0.1
SLOWEST = 8
"""An idle queue is polled up to so many times more slowly."""

_log = structlog.get_logger(__name__)


@attrs.frozen
class Processed:
    """`error` is why the callback rejected the message, None if it did not."""

    message: Message
    error: Exception | None = None


class Source(Protocol):
    """What a consumer needs of its queue."""

    name: str
    lease: ConsumerLease

    def exchange(
        self, processed: Sequence[Processed], most: int, floor: int
    ) -> list[Message]:
        """Settle what was processed; claim at most `most` messages behind `floor`."""

    def wake(self) -> None: ...


class Pool(Protocol):
    def submit(self, run: Callable[[Message], None], message: Message) -> None:
        """Call `run` with `message`, in another thread."""


class Consumer:
    """Each step keeps the lease, settles what was processed, and fetches what has room.

    At most `size` messages are held at a time. `callback` is called in `pool`.
    """

    def __init__(
        self, source: Source, size: int, callback: Callback, pool: Pool, clock: Clock
    ) -> None:
        self.name = source.name
        self._source = source
        self._size = size
        self._callback = callback
        self._pool = pool
        self._now = moments_of(clock)
        self._processed: deque[Processed] = deque()
        self._held = 0
        self._floor = 0
        self._sweep_at_us = 0
        self._in_doubt = False

    @property
    def held(self) -> int:
        """How many messages are being processed, or wait to be settled."""
        return self._held

    def step(self) -> int:
        """Return how many messages were settled or fetched."""
        return self._step(self._size)

    def settle(self) -> int:
        """The same, but fetch nothing."""
        return self._step(0)

    def look_again(self) -> None:
        """Begin the next step at the first message: in any thread."""
        self._sweep_at_us = 0

    def end(self) -> None:
        """Let others have what is still held."""
        self._source.lease.end()

    def _step(self, size: int) -> int:
        if self._in_doubt:
            # What was claimed without our knowledge is freed when nothing else is held.
            if self._held:
                size = 0
            else:
                self._source.lease.end()
                self._in_doubt = False
        if self._source.lease.keep():
            self._sweep_at_us = 0
        processed = [self._processed[n] for n in range(len(self._processed))]
        free = size - self._held + len(processed)
        if not processed and free <= 0:
            return 0
        floor = self._next_floor(processed)
        try:
            claimed = self._source.exchange(processed, max(0, free), floor)
        except Exception:
            # Perhaps it was committed all the same.
            self._in_doubt = True
            raise
        for _ in processed:
            self._processed.popleft()
        self._held += len(claimed) - len(processed)
        if claimed:
            last = claimed[-1].receipt
            self._floor = max(floor, last.number if last else 0)
        for message in claimed:
            self._pool.submit(self._process, message)
        return len(claimed) + len(processed)

    def _next_floor(self, processed: Sequence[Processed]) -> int:
        now_us = self._now().monotonic_us
        # The next message of a settled one's key is free now, perhaps behind the floor.
        if any(each.message.key is not None for each in processed):
            return 0
        if now_us >= self._sweep_at_us:
            self._sweep_at_us = now_us + SWEEP_US
            return 0
        return self._floor

    def _process(self, message: Message) -> None:
        error: Exception | None = None
        try:
            self._callback(message)
        except Exception as raised:  # noqa: BLE001 - any exception rejects it
            error = raised
        self._processed.append(Processed(message, error))
        self._source.wake()


class Bell(Protocol):
    """What wakes an idle consumer: part of the interface of `threading.Event`."""

    def is_set(self) -> bool: ...

    def set(self) -> None: ...

    def clear(self) -> None: ...

    def wait(self, timeout: float) -> bool: ...


class Loop:
    """Steps a consumer in a thread: at once while there is work, slower when idle."""

    def __init__(
        self, consumer: Consumer, poll_interval_s: float, bell: Bell | None = None
    ) -> None:
        self._consumer = consumer
        self._poll_interval_s = poll_interval_s
        self._woken = bell or threading.Event()
        # How many times more slowly it is polled.
        self._idle = 1
        self._deadline = math.inf
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"queue-{consumer.name}", daemon=True
        )

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        if not self._woken.is_set():
            self._woken.set()

    def stop(self, timeout_s: float | None = None) -> None:
        """Fetch nothing more; return when all that was fetched is settled.

        After the timeout others get what is not settled.
        """
        self._deadline = time.monotonic() + timeout_s if timeout_s else math.inf
        self._stopping.set()
        self._woken.set()
        self._thread.join()

    def turn(self) -> None:
        """One step, and the pause before the next one."""
        self._woken.clear()
        found = self._did(self._consumer.step)
        wait_s = self._poll_interval_s * self._idle
        if self._consumer.held:
            # The lease on what it holds is kept by its steps.
            wait_s = min(wait_s, BEAT_US / 1_000_000)
        if found or self._woken.wait(wait_s):
            self._idle = 1
        else:
            self._idle = min(self._idle * 2, SLOWEST)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.turn()
        while self._consumer.held and time.monotonic() < self._deadline:
            self._woken.clear()
            if not self._did(self._consumer.settle):
                self._woken.wait(DRAIN_LOOK_S)
        self._did(self._consumer.end)

    def _did(self, step: Callable[[], int | None]) -> int:
        try:
            return step() or 0
        except Exception as error:  # noqa: BLE001 - a queue is consumed until it stops
            if is_fault(error):
                _log.warning("queue waits", queue=self._consumer.name, error=str(error))
            else:
                _log.exception("queue failed", queue=self._consumer.name)
            return 0


class Threads:
    """A pool of `count` threads."""

    def __init__(self, count: int, name: str) -> None:
        self._given: SimpleQueue[tuple[Callable[[Message], None], Message] | None] = (
            SimpleQueue()
        )
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{n}", daemon=True)
            for n in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, run: Callable[[Message], None], message: Message) -> None:
        self._given.put((run, message))

    def close(self) -> None:
        """Let what was submitted end."""
        for _ in self._threads:
            self._given.put(None)

    def _run(self) -> None:
        while (given := self._given.get()) is not None:
            run, message = given
            run(message)
