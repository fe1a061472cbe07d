"""Serving the application with Granian: worker processes, each with a pool of threads.

The process that calls `serve` only watches. The application is built in each worker,
which is forked from it, so that no thread and no database connection crosses the fork.
The workers build one after the other: the first one finds out what is amiss, and the
others neither repeat it nor bring the same database up to date at the same time. Which
of them answers a connection is the kernel's choice.

The way down, on Ctrl-C, SIGTERM or a closed terminal, of each worker:

1. the `on_stop` callbacks run, so that long polls may answer early
2. new connections are refused, requests in flight are answered: those whose body is
   there soon, and those that have not sent their headers are not waited for
3. the `on_exit` callbacks run, the last registered first
4. the worker ends, and after the last one `serve` returns

A worker that has not ended after GRACE_SECONDS is killed: a client that does not read
its answer would hold it for ever. Where the watcher was killed, the workers end
at once.

A worker that dies while others live is replaced, but not within REPLACEMENT_SECONDS of
its birth: what kills every new one shall not keep the machine busy. When the last one
dies, or one that has not been built yet, the server ends, the others the usual way
down: whoever started it knows better than we when to try again. So does a replacement
that `build` refuses.
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
from shared_kernel.serving.requests import Requests

# A long poll holds one. More threads than busy connections cost nothing: they start
# when needed and end after 30 s without work.
THREADS = 64
GRACE_SECONDS = 20
# Granian would divide these by the number of workers, and an idle connection counts.
CONNECTIONS_PER_WORKER = 1024

_GRANIAN_LOGS: dict[str, Any] = {
    "formatters": {"plain": {"format": "%(levelname)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "loggers": {"_granian": {"handlers": ["stderr"], "propagate": False}},
}


@attrs.frozen(kw_only=True)
class AddressUnavailableError(Exception):
    """Nothing can be served on this address; `str()` says why and what to do."""

    host: str
    port: int
    why: str
    mend: str

    def __str__(self) -> str:
        return f"cannot serve on {self.host}, port {self.port}: {self.why}; {self.mend}"


@attrs.define(eq=False)
class Worker:
    """The life of one serving process, as the application built in it sees it."""

    _on_stop: list[Callable[[], None]] = attrs.field(factory=list, init=False)
    _on_exit: ExitStack = attrs.field(factory=ExitStack, init=False)

    def on_stop(self, callback: Callable[[], None]) -> None:
        """Call back, in a thread of its own, as soon as the stop is asked for."""
        self._on_stop.append(callback)

    def on_exit(self, callback: Callable[[], None]) -> None:
        """Call back after the last request has been answered."""
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
    """Serve what `build` returns until told to stop; return after the last callback.

    `build` is a function of a module and runs once in each of the `workers`, at least
    1, never in two at a time. Each has so many `threads`. `limits` are those of bodies;
    for one that is late the application is called with BODY_IS_LATE. Port 0 takes a
    free port. `named` is what is said to serve, once, when all are built.
    Raises AddressUnavailableError before anything is built; the SystemExit with which
    `build` refuses to go on; SystemExit(1) when no worker is left or one dies unbuilt;
    OSError when no process can be had. Takes over the signals of the process.
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

    # A terminal that closes would make Granian start new workers beside the old ones.
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    hangup = signal.SIG_IGN if ignored else server.signal_handler_interrupt
    server.on_startup(partial(signal.signal, signal.SIGHUP, hangup))

    # "Unexpected exit from worker-1" would follow each refusal. The worker's own log is
    # set up anew, so it still says what goes wrong in a request.
    logging.getLogger("_granian").setLevel(logging.CRITICAL)
    try:
        server.serve(
            # It need not load an application: our own target knows what it gets.
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
        # No process can be had, say. At its end, ours waits for those that there are.
        left = multiprocessing.active_children()
        for each in left:
            each.terminate()
        for each in left:
            each.join(GRACE_SECONDS)
            each.kill()
        raise


def _free_address(host: str, port: int) -> tuple[str, int]:
    """The numeric address and the port to serve on, free a moment ago.

    Granian shares its port with whoever shares theirs: a second server would start
    unnoticed and answer half of the requests. So this asks for the port alone.
    """
    refused = partial(AddressUnavailableError, host=host, port=port)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as fault:
        raise refused(
            why="no such host name is known", mend="set HOST, e.g. HOST=127.0.0.1"
        ) from fault
    family, kind, _, _, where = min(found, key=lambda one: one[0] != socket.AF_INET)

    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(where)
            probe.listen()
        except OSError as fault:
            why, mend = _MENDS.get(
                fault.errno or 0, (str(fault.strerror), "set HOST and PORT")
            )
            raise refused(why=why, mend=mend) from fault
        return str(where[0]), int(probe.getsockname()[1])


_MENDS = {
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
    # Until the worker takes SIGTERM over, nothing is served, nothing to be finished.
    signal.signal(signal.SIGTERM, _leave)
    # The terminal sends Ctrl-C to every process; the watcher alone passes it on.
    signal.pthread_sigmask(signal.SIG_SETMASK, WATCHERS_SIGNALS)

    worker = Worker()
    seen, told = _signals_seen()
    passing_on = _in_background(partial(_pass_on_the_stop, worker, seen))
    Finalize(worker, partial(_exit, worker, told, passing_on), exitpriority=0)
    _in_background(_die_with_the_watcher)

    with crew.building():
        application = build(worker)
        is_to_greet = crew.has_built(os.getpid())

    if is_to_greet:
        _in_background(greet)
    return Served(
        requests=Requests(application, limits), port=port, on_stop=worker.on_stop
    )


def _in_background(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit()


def _die_with_the_watcher() -> None:
    watcher = multiprocessing.parent_process()
    if watcher is not None:
        watcher.join()
        os.kill(os.getpid(), signal.SIGKILL)


def _signals_seen() -> tuple[socket.socket, socket.socket]:
    """A socket that yields a byte for each signal, whoever handles it; and its end."""
    seen, told = socket.socketpair()
    told.setblocking(False)
    signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    return seen, told


def _pass_on_the_stop(worker: Worker, seen: socket.socket) -> None:
    if seen.recv(1):
        worker.stop()


def _exit(worker: Worker, told: socket.socket, passing_on: threading.Thread) -> None:
    # A supervisor may tell the worker to stop, and the watcher does so too.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # A worker that has nothing to finish is here before the stop has been passed on.
    signal.set_wakeup_fd(-1)
    told.close()
    passing_on.join()
    worker.exit()


def _greet(named: str, address: str, port: int) -> None:
    """Say where, once a connection is accepted there."""
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
