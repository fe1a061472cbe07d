"""Serving the application with Granian: one worker process, a pool of threads.

The process that calls `serve` only watches. The application is built in the worker,
which is forked from it, so that no thread and no database connection crosses the fork.
The way down, on Ctrl-C, SIGTERM or a closed terminal:

1. the `on_stop` callbacks run, so that long polls may answer early
2. new connections are refused, requests in flight are answered
3. the `on_exit` callbacks run, the last registered first
4. the worker ends, and `serve` returns

A worker that has not ended after GRACE_SECONDS is killed: a client that sends half a
request and stays would hold it for ever. Where the watcher was killed, the worker ends
at once.
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
from ctypes import c_int
from functools import partial
from multiprocessing.util import Finalize
from types import FrameType
from typing import Any, NoReturn
from wsgiref.types import WSGIApplication

import attrs
import click
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

# A slow client and a long poll hold a thread each. More threads than busy connections
# cost nothing: they start when needed and end after 30 s without work.
THREADS = 64
GRACE_SECONDS = 20

_WATCHERS_SIGNALS = frozenset({signal.SIGINT, signal.SIGHUP})
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
    """The life of the serving process, as the application built in it sees it."""

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
    threads: int = THREADS,
    named: str = "Storehouse",
) -> None:
    """Serve what `build` returns until told to stop; return after the last callback.

    `build` is a function of a module and runs in the worker. Port 0 takes a free port.
    `named` is what is said to serve.
    Raises AddressUnavailableError before anything is built; the SystemExit with which
    `build` refuses to go on; SystemExit(1) when the worker dies. Takes over the signals
    of the process.
    """
    address, port = _free_address(host, port)
    server = Granian(
        "storehouse",
        address,
        port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        blocking_threads=threads,
        workers_kill_timeout=GRACE_SECONDS,
        log_level=LogLevels.error,
        log_dictconfig=_GRANIAN_LOGS,
    )

    # A terminal that closes would make Granian start a second worker beside the first.
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    hangup = signal.SIG_IGN if ignored else server.signal_handler_interrupt
    server.on_startup(partial(signal.signal, signal.SIGHUP, hangup))

    # Until the worker has its own handlers it has copies of ours, which would swallow a
    # signal: it is born deaf, and listens when it can answer.
    os.register_at_fork(
        before=partial(signal.pthread_sigmask, signal.SIG_BLOCK, {signal.SIGTERM}),
        after_in_parent=partial(
            signal.pthread_sigmask, signal.SIG_UNBLOCK, {signal.SIGTERM}
        ),
    )

    refusal = multiprocessing.RawValue("i", 0)
    # "Unexpected exit from worker-1" would follow each refusal. The worker's own log is
    # set up anew, so it still says what goes wrong in a request.
    logging.getLogger("_granian").setLevel(logging.CRITICAL)
    try:
        server.serve(
            target_loader=partial(
                _in_worker, build, partial(_greet, named, address, port), refusal
            ),
            wrap_loader=False,
        )
    except SystemExit:
        if refusal.value:
            sys.exit(refusal.value)
        click.echo("The serving process has died.", err=True)
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
    refusal: c_int,
) -> WSGIApplication:
    # Until Granian takes SIGTERM over, nothing is served and nothing is to be finished.
    signal.signal(signal.SIGTERM, _leave)
    # The terminal sends Ctrl-C to both processes; the watcher alone passes it on.
    signal.pthread_sigmask(signal.SIG_SETMASK, _WATCHERS_SIGNALS)

    worker = Worker()
    Finalize(worker, worker.exit, exitpriority=0)
    _in_background(_die_with_the_watcher)
    _in_background(partial(_pass_on_the_stop, worker, _signals_seen()))

    try:
        application = build(worker)
    except SystemExit as ending:
        refusal.value = ending.code if isinstance(ending.code, int) else 0
        raise

    _in_background(greet)
    return application


def _in_background(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit()


def _die_with_the_watcher() -> None:
    watcher = multiprocessing.parent_process()
    if watcher is not None:
        watcher.join()
        os.kill(os.getpid(), signal.SIGKILL)


def _signals_seen() -> socket.socket:
    """A socket that yields a byte for each signal, whoever handles it."""
    seen, told = socket.socketpair()
    told.setblocking(False)
    signal.set_wakeup_fd(told.detach(), warn_on_full_buffer=False)
    return seen


def _pass_on_the_stop(worker: Worker, seen: socket.socket) -> None:
    # To the end: a signal that nobody reads any more would be told as an error.
    while seen.recv(1):
        worker.stop()


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
