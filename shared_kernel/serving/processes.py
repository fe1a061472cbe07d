"""The serving processes of one server, and the process that watches over them.

What of this replaces Granian's own is in `Watcher`, and depends on its inner names:
hence the upper bound of its version.
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
"""The exit code of nobody: a build that failed instead of refusing."""


@attrs.frozen(kw_only=True)
class Crew:
    """What the processes know of each other; in memory that they share.

    `built` has the process ids of those whose application is built, else 0. `refusal`
    is the exit code of a build that refused, or FAULT after one that failed. Whoever
    has the lock of the file `turn` may build, and nobody else writes meanwhile, but for
    the watcher, who strikes out the dead. The kernel gives the lock of a dead process
    back; a lock of multiprocessing would stay locked.
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
        """Wait for the turn; after a refusal, for the end."""
        fcntl.lockf(self.turn, fcntl.LOCK_EX)
        try:
            # The watcher stops the others when one has ended. That is to be the one who
            # refused, when it has said why, not one who learns of it.
            pause = threading.Event()
            while self.refusal.value:
                pause.wait(0.1)
            yield
        except SystemExit as ending:
            # Without a code it is a stop, of which the others are told as well.
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
        """Enter the process. True if it is the one to greet: the first last one."""
        self._exchange(0, process)
        if self.greeted.value or 0 in self.built:
            return False
        self.greeted.value = 1
        return True

    def strike_out(self, process: int) -> None:
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
    """In the place of Granian's target for WSGI.

    It ends when all requests are answered. Granian would also wait for those who have
    sent half a request. The signals themselves do nothing: `on_stop` tells of them.
    Granian has a handler that hangs, with the whole interpreter, at the third signal.
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


class _Bell:
    """Wakes the watcher; rung by each signal and for each death.

    A `threading.Event`, which Granian has here, misses a signal that comes just before
    it waits, and hangs when a handler sets it in the moment in which the interrupted
    code holds its lock.
    """

    def __init__(self) -> None:
        self._heard, self._rung = socket.socketpair()
        self._rung.setblocking(False)

    def set(self) -> None:
        # Full, it has been rung often enough.
        with suppress(BlockingIOError):
            self._rung.send(b"!")

    def wait(self, timeout: float | None = None) -> None:
        self._heard.settimeout(timeout)
        with suppress(TimeoutError):
            self._heard.recv(1)

    @contextmanager
    def rung_by_signals(self) -> Iterator[None]:
        signal.set_wakeup_fd(self._rung.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(-1)


class Watcher(MPServer):
    """Granian's main process, with a loop of its own to replace dead workers.

    Granian's loop forgets a signal or a death that falls into its work on another
    death; never ends when two workers take turns in dying; and builds a refusing
    application twice. A thread for each worker appends its number to
    `interrupt_children` when it dies, and rings; whatever is left there at the end
    makes the server end with code 1.
    """

    _spawn_wsgi_worker = staticmethod(_serve_until_stopped)

    def __init__(self, crew: Crew, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._crew = crew
        self._bell = _Bell()
        # Granian only calls `set` on it, but for the loop below and one not used here.
        self.main_loop_interrupt = self._bell  # type: ignore[assignment]

    def _spawn_workers(self, spawn_target: Any, target_loader: Any) -> None:
        with _deaf():
            super()._spawn_workers(spawn_target, target_loader)  # type: ignore[no-untyped-call]

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        with self._bell.rung_by_signals():
            self._look_after_workers(
                partial(self._replace, spawn_target, target_loader)
            )

    def _look_after_workers(self, replace: Callable[[int], None]) -> None:
        while not self.interrupt_signal:
            dead = list(self.interrupt_children)
            if not dead:
                self._bell.wait()
                continue
            if not self._can_go_on(dead):
                return
            number = min(dead, key=lambda each: self.wrks[each].birth)
            pause = self.wrks[number].birth + REPLACEMENT_SECONDS - time.monotonic()
            if pause > 0:
                self._bell.wait(pause)
            else:
                replace(number)
        if self._can_go_on(self.interrupt_children):
            # They were to be replaced: no reason to end otherwise than asked to.
            self.interrupt_children.clear()

    def _can_go_on(self, dead: list[int]) -> bool:
        alive = any(each.inner.is_alive() for each in self.wrks)
        all_built = all(self.wrks[each].inner.pid in self._crew.built for each in dead)
        return alive and all_built and not self._crew.refusal.value

    def _replace(self, spawn_target: Any, target_loader: Any, number: int) -> None:
        dead = self.wrks[number].inner.pid
        self._crew.strike_out(dead)
        self.interrupt_children.remove(number)
        with _deaf():
            self._respawn_workers([number], spawn_target, target_loader)
        born = self.wrks[number].inner.pid
        complain(f"Serving process {dead} has died, process {born} replaces it.")


@contextmanager
def _deaf() -> Iterator[None]:
    """While workers are born, and the threads that wait for their end.

    Until a worker has its own handlers it has copies of ours, which would swallow a
    signal: it is born deaf, and listens when it can answer. The threads stay deaf: a
    signal that one of them hears does not wake the main thread.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


def complain(what: str) -> None:
    # Whoever reads this may be gone, which is no reason to leave the workers alone.
    with suppress(OSError):
        click.echo(what, err=True)
