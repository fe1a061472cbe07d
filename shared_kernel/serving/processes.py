"""The worker processes of one server, and the main process that supervises them.

`Watcher` replaces parts of Granian and depends on its private names: hence the upper
bound of Granian's version.
"""

import fcntl
import multiprocessing
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ctypes import Array, c_int
from functools import partial
from types import FrameType
from typing import IO, Any, Self

import attrs
import click
from granian import _granian
from granian.constants import HTTPModes, RuntimeModes
from granian.http import HTTP1Settings
from granian.server import MPServer
from granian.server.common import WORKERS_METHODS
from granian.server.mp import WorkerProcess

from shared_kernel.serving.requests import NoLoop, Requests

REPLACEMENT_SECONDS = 2
WATCHERS_SIGNALS = frozenset({signal.SIGINT, signal.SIGHUP})
STOPS = WATCHERS_SIGNALS | {signal.SIGTERM}
# Its stubs are those of an older version.
_GRANIAN: Any = _granian
FAULT = -1
"""Not an exit code: marks a build that failed instead of refusing."""


@attrs.frozen(kw_only=True)
class Crew:
    """What the processes know of each other, in shared memory.

    `built` has the process ids of those whose application is built, else 0. `refusal`
    is the exit code of a build that refused, or FAULT after one that failed. Only the
    process with the lock of the file `turn` builds and writes here; except that the
    watcher removes ended processes. The operating system releases the lock of a process
    that ends; a lock of multiprocessing would stay locked.
    """

    built: Array[c_int]
    refusal: c_int
    greeted: c_int
    turn: IO[bytes]

    @classmethod
    def of(cls, workers: int) -> Self:
        return cls(
            built=multiprocessing.RawArray(c_int, workers),
            refusal=multiprocessing.RawValue(c_int, 0),
            greeted=multiprocessing.RawValue(c_int, 0),
            turn=tempfile.TemporaryFile(),
        )

    @contextmanager
    def building(self) -> Iterator[None]:
        """Wait for the lock; after another worker's refusal, wait to be stopped."""
        fcntl.lockf(self.turn, fcntl.LOCK_EX)
        try:
            # The watcher stops all workers when one ends. The first to end must be the
            # one that refused, after it has printed why: so the others wait here.
            pause = threading.Event()
            while self.refusal.value:
                pause.wait(0.1)
            yield
        except SystemExit as ending:
            # No code means a stop, which the other workers receive as well.
            if ending.code is not None:
                code = ending.code
                self.refusal.value = code if isinstance(code, int) else FAULT
            raise
        except Exception:
            self.refusal.value = FAULT
            raise
        finally:
            fcntl.lockf(self.turn, fcntl.LOCK_UN)

    def has_built(self, process: int) -> bool:
        """Record the process. True if it prints the greeting: all are built, once."""
        self._exchange(0, process)
        if self.greeted.value or 0 in self.built:
            return False
        self.greeted.value = 1
        return True

    def remove(self, process: int) -> None:
        self._exchange(process, 0)

    def _exchange(self, old: int, new: int) -> None:
        self.built[list(self.built).index(old)] = new


@attrs.frozen(kw_only=True)
class Served:
    """What a process serves on `port`; `on_stop` calls back when it is to stop."""

    requests: Requests
    port: int
    on_stop: Callable[[Callable[[], None]], None]


@WorkerProcess.wrap_target  # type: ignore[untyped-decorator] # Granian's
def _serve_until_stopped(
    worker_id: int,
    served: Served,
    sock: Any,
    _ipc: Any,
    _loop: Any,
    runtime_mode: RuntimeModes,
    runtime_threads: int,
    runtime_blocking_threads: int | None,
    blocking_threads: int,
    blocking_threads_idle_timeout: int,
    backpressure: int,
    _task_impl: Any,
    http_mode: HTTPModes,
    http1_settings: HTTP1Settings | None,
    *_others: Any,
) -> None:
    """Replaces Granian's target function for WSGI workers.

    It ends when all requests are answered. Granian would also wait for clients that
    have sent half a request. The signal handlers do nothing: `on_stop` reports signals.
    Granian's handler hangs at the third signal, with the whole interpreter.
    """
    listening, ended = _GRANIAN.WorkerSignal(), threading.Event()

    def stop() -> None:
        listening.set()
        threading.Thread(target=finish, daemon=True).start()

    def finish() -> None:
        served.requests.stop(served.port)
        ended.set()

    listening.add_cb(ended.set)
    served.on_stop(stop)
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, _do_nothing)

    loop = NoLoop()
    scheduler = _GRANIAN.CallbackScheduler(loop, None, None, None, None)
    scheduler._schedule_fn = served.requests.take  # noqa: SLF001 - Granian's own way
    worker = _GRANIAN.RSGIWorker(
        worker_id,
        sock,
        None,
        runtime_threads,
        runtime_blocking_threads,
        blocking_threads,
        blocking_threads_idle_timeout,
        backpressure,
        http_mode,
        http1_settings,
    )
    served.requests.start()
    method = WORKERS_METHODS[runtime_mode][False]
    getattr(worker, method)(scheduler, loop, listening)
    ended.wait()


def _do_nothing(_signal: int, _frame: FrameType | None) -> None:
    pass


class _WakeUp:
    """Wakes the watcher, at each signal and each end of a worker.

    Granian uses a `threading.Event`, which misses a signal that arrives just before the
    wait, and hangs if a handler sets it while the interrupted code holds its lock.
    """

    def __init__(self) -> None:
        self._receiver, self._sender = socket.socketpair()
        self._sender.setblocking(False)

    def set(self) -> None:
        # If the buffer is full, the watcher will wake anyway.
        with suppress(BlockingIOError):
            self._sender.send(b"!")

    def wait(self, timeout: float | None = None) -> None:
        self._receiver.settimeout(timeout)
        with suppress(TimeoutError):
            self._receiver.recv(1)

    @contextmanager
    def woken_by_signals(self) -> Iterator[None]:
        signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(-1)


class Watcher(MPServer):
    """Granian's main process, with another loop to replace workers that ended.

    Granian's loop loses a signal, or the end of a worker, that comes while it replaces
    another worker; never ends when two workers end in turn; and builds a refusing
    application twice. For each worker, a thread appends its number to
    `interrupt_children` when it ends, and wakes the watcher. Numbers left there at the
    end make the server exit with code 1.
    """

    _spawn_wsgi_worker = staticmethod(_serve_until_stopped)

    def __init__(self, crew: Crew, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._crew = crew
        self._wake_up = _WakeUp()
        # Granian only calls `set` on it, except in the loop below and one not used
        # here.
        self.main_loop_interrupt = self._wake_up  # type: ignore[assignment]

    def _spawn_workers(self, spawn_target: Any, target_loader: Any) -> None:
        with _signals_blocked():
            super()._spawn_workers(spawn_target, target_loader)  # type: ignore[no-untyped-call]

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        with self._wake_up.woken_by_signals():
            self._look_after_workers(
                partial(self._replace, spawn_target, target_loader)
            )

    def _look_after_workers(self, replace: Callable[[int], None]) -> None:
        while not self.interrupt_signal:
            dead = list(self.interrupt_children)
            if not dead:
                self._wake_up.wait()
                continue
            if not self._can_go_on(dead):
                return
            number = min(dead, key=lambda each: self.wrks[each].birth)
            pause = self.wrks[number].birth + REPLACEMENT_SECONDS - time.monotonic()
            if pause > 0:
                self._wake_up.wait(pause)
            else:
                replace(number)
        if self._can_go_on(self.interrupt_children):
            # These could have been replaced: they must not change the exit code.
            self.interrupt_children.clear()

    def _can_go_on(self, dead: list[int]) -> bool:
        alive = any(each.inner.is_alive() for each in self.wrks)
        all_built = all(self.wrks[each].inner.pid in self._crew.built for each in dead)
        return alive and all_built and not self._crew.refusal.value

    def _replace(self, spawn_target: Any, target_loader: Any, number: int) -> None:
        dead = self.wrks[number].inner.pid
        self._crew.remove(dead)
        self.interrupt_children.remove(number)
        with _signals_blocked():
            self._respawn_workers([number], spawn_target, target_loader)
        born = self.wrks[number].inner.pid
        complain(f"Serving process {dead} has died, process {born} replaces it.")


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Block signals while workers are forked and their watching threads start.

    Until a worker has its own handlers it has copies of ours, which would lose a
    signal; so it unblocks signals only then. In the threads they stay blocked: a signal
    delivered to one of them would not wake the main thread.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


def complain(what: str) -> None:
    # The reader of stderr may be gone; supervision must go on.
    with suppress(OSError):
        click.echo(what, err=True)
