"""Background work: plain steps that a few threads repeat (law 9)."""

import contextlib
import threading
import time
from collections.abc import Sequence
from typing import Protocol

import structlog

from shared_kernel.storage.errors import is_fault

IDLE_S = 0.1
"""How long an idle thread sleeps unless woken: other processes' writes wait so long."""
REST_S = 0.00008
"""After each round a thread rests this long for each item handled. New events form one
batch meanwhile, at a third of the cost of single events, and under load the requests
get the interpreter."""
SHORTEST_REST_S, LONGEST_REST_S = 0.004, 0.05
RETRY_S = 1.0

_log = structlog.get_logger(__name__)


class Worker(Protocol):
    @property
    def name(self) -> str: ...

    def step(self) -> int:
        """Do a bounded amount of work; return the number of items, 0 if idle."""


class Workers:
    """All the workers of a process.

    Workers that use only this process's databases share one thread. A worker that may
    wait for another process has a thread of its own, so that it delays no other.
    """

    def __init__(self, workers: Sequence[Worker] = ()) -> None:
        self._threads: list[_WorkerThread] = []
        self._started = False
        self._changing = threading.Lock()
        self.register(workers)

    def register(
        self, together: Sequence[Worker], alone: Sequence[Worker] = ()
    ) -> None:
        """Replace the workers. Not to be called while they run in the background.

        `together` share a thread, in the order in which they handle an event; each of
        `alone` has its own.
        """
        self._threads = [_WorkerThread(together), *(_WorkerThread([w]) for w in alone)]

    @property
    def registered(self) -> list[Worker]:
        return [worker for thread in self._threads for worker in thread.workers]

    def start(self) -> None:
        """Run in the background until `stop`. A second call does nothing."""
        with self._changing:
            if not self._started:
                self._started = True
                for thread in self._threads:
                    thread.start()

    def wake(self) -> None:
        """Run the next step at once, since there is something to do."""
        for thread in self._threads:
            thread.wake()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Let each worker finish its step; nothing is lost if the timeout ends it."""
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.ask_to_stop()
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.hand_back()

    def hand_back(self) -> None:
        """Release the leases, so that another process can take over at once."""
        for thread in self._threads:
            thread.hand_back()

    @property
    def alive(self) -> bool:
        return self._started and all(thread.alive for thread in self._threads)

    def step(self) -> int:
        """One step of each worker; a worker that raises pauses, the others continue."""
        return sum(thread.step() for thread in self._threads)

    def run_until_idle(self) -> int:
        """Step until all workers are idle; return the total number of items."""
        total = 0
        while done := self.step():
            total += done
        return total


class _WorkerThread:
    """Steps its workers in turn."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self.workers = workers
        self._paused_until: dict[int, float] = {}
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        # Even without workers a thread runs, since `alive` checks the threads.
        self._thread = threading.Thread(
            target=self._loop, name="storehouse-workers", daemon=True
        )
        self._thread.start()

    def wake(self) -> None:
        if not self._woken.is_set():
            self._woken.set()

    def ask_to_stop(self) -> None:
        self._stopping.set()
        self._woken.set()

    def join(self, timeout_s: float) -> None:
        if self._thread is not None:
            self._thread.join(timeout_s)

    def hand_back(self) -> None:
        for worker in self.workers:
            stop = getattr(worker, "stop", None)
            if stop is not None:
                with contextlib.suppress(Exception):
                    stop()

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def step(self) -> int:
        done = 0
        for place, worker in enumerate(self.workers):
            if self._paused_until.get(place, 0.0) > time.monotonic():
                continue
            try:
                done += worker.step()
            except Exception as error:  # noqa: BLE001 - the other workers continue
                if is_fault(error):
                    _log.warning("worker waits", worker=worker.name, error=str(error))
                else:
                    _log.exception("worker failed", worker=worker.name)
                self._paused_until[place] = time.monotonic() + RETRY_S
        return done

    def _loop(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            done = self.step()
            if done == 0:
                self._woken.wait(IDLE_S)
            rest_s = min(max(REST_S * done, SHORTEST_REST_S), LONGEST_REST_S)
            self._stopping.wait(rest_s)
