"""Background work: plain steps, looped over by one thread (law 9)."""

import contextlib
import threading
import time
from collections.abc import Sequence
from typing import Protocol

import structlog

IDLE_S = 0.1
"""How long the thread sleeps unless woken; how soon it sees what others wrote."""
REST_S = 0.00008
"""After each round the thread rests so long for each thing that was done: what comes
meanwhile goes in one batch, which costs a third of what single events cost, and under
load the interpreter is left to the requests."""
SHORTEST_REST_S, LONGEST_REST_S = 0.004, 0.05
RETRY_S = 1.0

_log = structlog.get_logger(__name__)


class Worker(Protocol):
    @property
    def name(self) -> str: ...

    def step(self) -> int:
        """Do a bounded piece of work; answer how much was done, 0 if there is none."""


class Workers:
    """Steps each worker in turn. They stand in the order in which an event passes them.

    Setting `wake` says that there is something to do.
    """

    def __init__(self, workers: Sequence[Worker], wake: threading.Event) -> None:
        self._workers = workers
        self._resting: dict[int, float] = {}
        self._wake = wake
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def employ(self, workers: Sequence[Worker]) -> None:
        """Instead of those before; not while they run in the background."""
        self._workers = workers

    def start(self) -> None:
        """Run in the background until `stop`. Starting twice is starting once."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._loop, name="storehouse-workers", daemon=True
                )
                self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Let each worker finish its step; nothing is lost if it does not."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
        self.hand_back()

    def hand_back(self) -> None:
        """Let go of what the workers hold: another process takes over at once."""
        for worker in self._workers:
            stop = getattr(worker, "stop", None)
            if stop is not None:
                with contextlib.suppress(Exception):
                    stop()

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def step(self) -> int:
        """One step of each worker; one that raises rests, the others go on."""
        done = 0
        for place, worker in enumerate(self._workers):
            if self._resting.get(place, 0.0) > time.monotonic():
                continue
            try:
                done += worker.step()
            except Exception:  # noqa: BLE001 - the other workers go on
                _log.exception("worker failed", worker=worker.name)
                self._resting[place] = time.monotonic() + RETRY_S
        return done

    def run_until_idle(self) -> int:
        """Step until nobody finds anything to do; answer how much was done in all."""
        total = 0
        while done := self.step():
            total += done
        return total

    def _loop(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            done = self.step()
            if done == 0:
                self._wake.wait(IDLE_S)
            rest_s = min(max(REST_S * done, SHORTEST_REST_S), LONGEST_REST_S)
            self._stopping.wait(rest_s)
