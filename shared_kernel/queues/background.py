"""A thread that repeats a step (law 9)."""

import threading
from collections.abc import Callable

import structlog

IDLE_S = 0.25

_log = structlog.get_logger(__name__)


class Background:
    """Runs `step` again at once while it does something, and when it is told to.

    Otherwise it runs it a few times a second. A step that raises is logged.
    """

    def __init__(self, name: str, step: Callable[[], int]) -> None:
        self._name = name
        self._step = step
        self._told = threading.Event()
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """A second call does nothing."""
        with self._starting:
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(
                    target=self._run, name=self._name, daemon=True
                )
                self._thread.start()

    def tell(self) -> None:
        self._told.set()

    def stop(self, timeout_s: float | None = None) -> None:
        """Return after the present step and a last one."""
        self._stopping.set()
        self._told.set()
        with self._starting:
            thread = self._thread
        if thread is not None:
            thread.join(timeout_s)

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def pause(self, seconds: float) -> None:
        """For a step that has to wait; a stop ends it."""
        self._stopping.wait(seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._told.clear()
            if not self._did():
                self._told.wait(IDLE_S)
        self._did()

    def _did(self) -> int:
        try:
            return self._step()
        except Exception:  # noqa: BLE001 - it goes on until it is stopped
            _log.exception("queue failed", thread=self._name)
            return 0
