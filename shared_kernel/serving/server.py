"""Serving the application with Granian: worker processes, each with a pool of threads.

The process that calls `serve` only supervises. The application is built in each worker,
after the fork, so that no thread and no database connection crosses it. The workers
build one after the other: the first one reports errors, and the others neither repeat
them nor upgrade the same database at the same time. The operating system chooses the
worker for each connection.

How each worker stops, on Ctrl-C, SIGTERM or a closed terminal:

1. the `on_stop` callbacks run, so that long polls may answer early
2. new connections are refused, requests in flight are answered: those whose body is
   there soon, and those that have not sent their headers are not waited for
3. the `on_exit` callbacks run, the last registered first
4. the worker ends, and after the last one `serve` returns

A worker that has not ended after GRACE_SECONDS is killed: otherwise a client that does
not read its response would keep it running. If the watcher is killed, the workers end
at once.

A worker that ends while others run is replaced, but not within REPLACEMENT_SECONDS of
its start: a fault that ends every new worker must not keep the machine busy. When the
last worker ends, or one that has not been built yet, the server stops all others as
above and ends: its supervisor decides when to restart. The same happens when `build`
refuses a replacement.
"""

import errno
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from multiprocessing.util import Finalize
from types import FrameType
from typing import Any, NoReturn
from wsgiref.types import WSGIApplication

import attrs
import click
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from shared_kernel.serving.arriving_bodies import BodyLimits
from shared_kernel.serving.processes import (
    FAULT,
    WATCHERS_SIGNALS,
    Crew,
    Served,
    Watcher,
    complain,
)
from shared_kernel.serving.requests import Requests, TakesFiles

# A long poll occupies one. Unused threads cost nothing: they start when needed and end
# after 30 s without work.
THREADS = 64
GRACE_SECONDS = 20
# Idle connections count. Granian's own default is smaller the more workers there are.
CONNECTIONS_PER_WORKER = 1024

_GRANIAN_LOGS: dict[str, Any] = {
    "formatters": {"plain": {"format": "%(levelname)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "loggers": {"_granian": {"handlers": ["stderr"], "propagate": False}},
}


@attrs.frozen(kw_only=True)
class AddressUnavailableError(Exception):
    """The server cannot use this address; `str()` says why and what to do."""

    host: str
    port: int
    why: str
    hint: str

    def __str__(self) -> str:
        return f"cannot serve on {self.host}, port {self.port}: {self.why}; {self.hint}"


@attrs.define(eq=False)
class Worker:
    """The lifecycle of one worker process, for the application built in it."""

    uploads: dict[str, TakesFiles] = attrs.field(factory=dict, init=False)
    """By the path to which files are sent."""
    _on_stop: list[Callable[[], None]] = attrs.field(factory=list, init=False)
    _on_exit: ExitStack = attrs.field(factory=ExitStack, init=False)

    def on_stop(self, callback: Callable[[], None]) -> None:
        """Call back in a separate thread as soon as the worker is asked to stop."""
        self._on_stop.append(callback)

    def on_exit(self, callback: Callable[[], None]) -> None:
        """Call back after the last response."""
        self._on_exit.callback(callback)

    def stop(self) -> None:
        for callback in self._on_stop:
            callback()

    def exit(self) -> None:
        self._on_exit.close()


def serve(
    build: Callable[[Worker], WSGIApplication],
    *,
    host: str,
    port: int,
    workers: int = 1,
    threads: int = THREADS,
    limits: BodyLimits | None = None,
    named: str = "Storehouse",
) -> None:
    """Serve what `build` returns until sender to stop; return after the last callback.

    `build` is a function of a module and runs once in each of the `workers`, at least
    1, never in two at a time. Each has that many `threads`. `limits` are for bodies;
    for a late one the application is called with BODY_IS_MISSING. Port 0 takes a free
    port. `named` is the name in the greeting, which is printed once all are built.
    Raises AddressUnavailableError before anything is built; the SystemExit by which
    `build` refuses; SystemExit(1) when no worker is left or one ends before it is
    built; OSError when a process cannot be started. Takes over the signals of the
    process.
    """
    address, port = _free_address(host, port)
    crew = Crew.of(workers)
    server = Watcher(
        crew,
        "storehouse",
        address,
        port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=workers,
        blocking_threads=threads,
        backpressure=CONNECTIONS_PER_WORKER,
        workers_kill_timeout=GRACE_SECONDS,
        log_level=LogLevels.error,
        log_dictconfig=_GRANIAN_LOGS,
    )

    # On SIGHUP, as from a closed terminal, Granian would start new workers beside the
    # old ones.
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    hangup = signal.SIG_IGN if ignored else server.signal_handler_interrupt
    server.on_startup(partial(signal.signal, signal.SIGHUP, hangup))

    # Granian would log "Unexpected exit from worker-1" after each refusal. Workers set
    # up their own logging, so errors in requests are still logged.
    logging.getLogger("_granian").setLevel(logging.CRITICAL)
    try:
        server.serve(
            # Granian need not load an application: our own target builds it.
            target_loader=partial(  # type: ignore[arg-type]
                _in_worker,
                build,
                partial(_greet, named, address, port),
                crew,
                port,
                limits or BodyLimits(),
            ),
            wrap_loader=False,
        )
    except SystemExit:
        if crew.refusal.value not in {0, FAULT}:
            sys.exit(crew.refusal.value)
        complain("The serving process has died.")
        raise
    except Exception:
        # For example, no process can be started. At exit, Python waits for those that
        # run.
        left = multiprocessing.active_children()
        for each in left:
            each.terminate()
        for each in left:
            each.join(GRACE_SECONDS)
            each.kill()
        raise


def _free_address(host: str, port: int) -> tuple[str, int]:
    """The numeric address and the port to serve on, free a moment ago.

    Granian sets SO_REUSEPORT: a second server would start unnoticed and get half of the
    requests. So this checks that the port can be bound exclusively.
    """
    refused = partial(AddressUnavailableError, host=host, port=port)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as fault:
        raise refused(
            why="no such host name is known", hint="set HOST, e.g. HOST=127.0.0.1"
        ) from fault
    family, kind, _, _, where = min(found, key=lambda one: one[0] != socket.AF_INET)

    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(where)
            probe.listen()
        except OSError as fault:
            why, hint = _HINTS.get(
                fault.errno or 0, (str(fault.strerror), "set HOST and PORT")
            )
            raise refused(why=why, hint=hint) from fault
        return str(where[0]), int(probe.getsockname()[1])


_HINTS = {
    errno.EACCES: (
        "this user may not take that port",
        "set PORT to 1024 or more",
    ),
    errno.EADDRINUSE: (
        "the port is taken",
        "stop what listens there or set PORT, e.g. PORT=8001",
    ),
    errno.EADDRNOTAVAIL: (
        "this machine has no such address",
        "set HOST, e.g. HOST=127.0.0.1",
    ),
}


def _in_worker(
    build: Callable[[Worker], WSGIApplication],
    greet: Callable[[], None],
    crew: Crew,
    port: int,
    limits: BodyLimits,
) -> Served:
    # Until the worker handles SIGTERM itself, it has no requests to finish.
    signal.signal(signal.SIGTERM, _leave)
    # The terminal sends Ctrl-C to every process; here only the watcher handles it.
    signal.pthread_sigmask(signal.SIG_SETMASK, WATCHERS_SIGNALS)

    worker = Worker()
    seen, sender = _signals_seen()
    passing_on = _in_background(partial(_pass_on_the_stop, worker, seen))
    Finalize(worker, partial(_exit, worker, sender, passing_on), exitpriority=0)
    _in_background(_end_with_the_watcher)

    with crew.building():
        application = build(worker)
        is_to_greet = crew.has_built(os.getpid())

    if is_to_greet:
        _in_background(greet)
    return Served(
        requests=Requests(application, limits, worker.uploads),
        port=port,
        on_stop=worker.on_stop,
    )


def _in_background(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit()


def _end_with_the_watcher() -> None:
    watcher = multiprocessing.parent_process()
    if watcher is not None:
        watcher.join()
        os.kill(os.getpid(), signal.SIGKILL)


def _signals_seen() -> tuple[socket.socket, socket.socket]:
    """A socket that yields a byte for each signal, and the end that sends them."""
    seen, sender = socket.socketpair()
    sender.setblocking(False)
    signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    return seen, sender


def _pass_on_the_stop(worker: Worker, seen: socket.socket) -> None:
    if seen.recv(1):
        worker.stop()


def _exit(worker: Worker, sender: socket.socket, passing_on: threading.Thread) -> None:
    # Both a supervisor and the watcher may send the stop.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # A worker with no requests to finish gets here before the stop is passed on.
    signal.set_wakeup_fd(-1)
    sender.close()
    passing_on.join()
    worker.exit()


def _greet(named: str, address: str, port: int) -> None:
    """Print the address, once connections are accepted there."""
    pause = threading.Event()
    while True:
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            pause.wait(0.01)
        else:
            break
    shown = f"[{address}]" if ":" in address else address
    click.echo(f"{named} serves on http://{shown}:{port} (Ctrl-C stops it)")
