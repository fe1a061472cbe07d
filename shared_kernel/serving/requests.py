"""The requests of one worker process: a thread is used once the body has arrived.

Granian's WSGI worker calls the application as soon as it has the headers, and a thread
that reads a body waits for the client without a limit: nothing interrupts it. Its RSGI
worker receives bodies without a thread. `Requests` adapts one to the other: the RSGI
worker hands requests to it, and it calls a WSGI application with each whose body has
arrived, in Granian's thread pool. No event loop is involved.

A response is sent as a whole.
"""

import fcntl
import os
import socket
import stat
import struct
import termios
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Protocol
from wsgiref.types import WSGIApplication, WSGIEnvironment

import attrs

from shared_kernel.serving.arriving_bodies import (
    ArrivingBodies,
    BodyLimits,
    Incoming,
)
from shared_kernel.serving.environ import Scope, environ_of
from shared_kernel.web.unreceived import BODY_IS_MISSING, Missing

STOPPING_BODY_SECONDS = 0.4
"""How long a body may still take to arrive when the process stops."""

_LOOK_SECONDS = 0.05


class _Protocol(Incoming, Protocol):
    def response_bytes(
        self, status: int, headers: list[tuple[str, str]], body: bytes
    ) -> None: ...


class Watcher(Protocol):
    """Granian's handle of one request."""

    @property
    def scope(self) -> Scope: ...

    @property
    def proto(self) -> _Protocol: ...

    def err(self, error: BaseException) -> None:
        """Log it, and respond with 500 unless a response was sent."""


class NoLoop:
    """Replaces an event loop for Granian: calls back at once, in any thread."""

    def call_soon(
        self, callback: Callable[..., object], *arguments: Any, context: Any = None
    ) -> None:
        callback(*arguments)

    call_soon_threadsafe = call_soon


class TakesFiles(Protocol):
    """What the server knows of an upload."""

    @property
    def most_bytes(self) -> int: ...

    @property
    def at_once(self) -> int: ...


class Requests:
    """The requests of one process, from their headers to their responses."""

    def __init__(
        self,
        application: WSGIApplication,
        limits: BodyLimits,
        uploads: Mapping[str, TakesFiles] | None = None,
    ) -> None:
        """`uploads` are by the path to which files are sent.

        A body that is sent to another path is kept in memory.
        """
        self._application = application
        self._uploads = uploads or {}
        self._arriving: Counter[str] = Counter()
        self._most_bytes = limits.most_bytes
        self._bodies = ArrivingBodies(limits)
        self._lock = threading.Lock()
        self._in_flight = 0
        self._is_over = False

    def start(self) -> None:
        self._bodies.start()

    def take(self, watcher: Watcher) -> None:
        """Called by Granian, which does not handle exceptions."""
        with self._lock:
            is_over = self._is_over
            self._in_flight += not is_over
        if is_over:
            watcher.proto.response_bytes(503, [("Connection", "close")], b"")
            return
        try:
            self._take(watcher)
        except BaseException as error:  # noqa: BLE001 - unsent by `err`
            self._failed(watcher, error)

    def stop(self, port: int) -> None:
        """Return when the responses to all requests have been sent.

        Bodies get little time to arrive, and requests with incomplete headers get none.
        """
        self._bodies.hurry(STOPPING_BODY_SECONDS)
        pause, quiet = threading.Event(), 0
        # Two looks: a request may be in transit from one thread to another.
        while quiet < 2:
            pause.wait(_LOOK_SECONDS)
            quiet = 0 if self._in_flight or _are_sent_slowly(port) else quiet + 1
            if quiet == 2:
                with self._lock:
                    self._is_over = not self._in_flight
                quiet = 2 if self._is_over else 0

    def _take(self, watcher: Watcher) -> None:
        environ = environ_of(watcher.scope)
        length = _length_of(environ)
        upload = (
            self._uploads.get(environ["PATH_INFO"])
            if environ["REQUEST_METHOD"] == "POST"
            else None
        )
        most_bytes = upload.most_bytes if upload else self._most_bytes
        if length is not None and not 0 < length <= most_bytes:
            # There is no body, or the application will not read it.
            self._answer(watcher, environ, BytesIO())
        elif upload is None:
            answer = partial(self._answer_safely, watcher, environ)
            self._bodies.await_one(watcher.proto, length, answer)
        elif self._has_room_for(environ["PATH_INFO"], upload):
            answer = partial(self._answer_upload, watcher, environ)
            self._bodies.await_one(watcher.proto, length, answer, most_bytes)
        else:
            self._answer(watcher, environ, Missing.TOO_MANY)

    def _has_room_for(self, path: str, upload: TakesFiles) -> bool:
        with self._lock:
            has_room = self._arriving[path] < upload.at_once
            self._arriving[path] += has_room
        return has_room

    def _answer_upload(
        self, watcher: Watcher, environ: WSGIEnvironment, body: IO[bytes] | Missing
    ) -> None:
        try:
            self._answer_safely(watcher, environ, body)
        finally:
            with self._lock:
                self._arriving[environ["PATH_INFO"]] -= 1

    def _answer_safely(
        self, watcher: Watcher, environ: WSGIEnvironment, body: IO[bytes] | Missing
    ) -> None:
        try:
            self._answer(watcher, environ, body)
        except BaseException as error:  # noqa: BLE001 - unsent by `err`
            self._failed(watcher, error)

    def _answer(
        self, watcher: Watcher, environ: WSGIEnvironment, body: IO[bytes] | Missing
    ) -> None:
        if isinstance(body, Missing):
            environ[BODY_IS_MISSING] = body
            body = BytesIO()
        environ["wsgi.input"] = body
        start = _Start()
        answer = self._application(environ, start)
        try:
            whole = b"".join(answer)
        finally:
            close = getattr(answer, "close", None)
            if close is not None:
                close()
            environ["wsgi.input"].close()
        watcher.proto.response_bytes(start.status, start.headers, whole)
        self._done()

    def _failed(self, watcher: Watcher, error: BaseException) -> None:
        watcher.err(error)
        self._done()

    def _done(self) -> None:
        with self._lock:
            self._in_flight -= 1


@attrs.define(eq=False)
class _Start:
    """PEP 3333's `start_response`."""

    status: int = 500
    headers: list[tuple[str, str]] = attrs.field(factory=list)

    def __call__(
        self, status: str, headers: list[tuple[str, str]], error: Any = None
    ) -> Callable[[bytes], object]:
        self.status, self.headers = int(status[:3]), headers
        return _refuse_to_write


def _refuse_to_write(data: bytes) -> object:
    raise NotImplementedError("an answer is what the application returns")


def _length_of(environ: WSGIEnvironment) -> int | None:
    """The length of the body; None if it has a Transfer-Encoding instead."""
    if "HTTP_TRANSFER_ENCODING" in environ:
        return None
    return int(environ.get("CONTENT_LENGTH") or 0)


def _are_sent_slowly(port: int) -> bool:
    """Whether a response from `port` has not reached its client yet."""
    return any(_unsent_bytes(int(of.name), port) for of in Path("/dev/fd").iterdir())


def _unsent_bytes(number: int, port: int) -> int:
    """The count for the connection of that file descriptor, if it is one of `port`."""
    # It may have been closed meanwhile, and its number reused.
    with suppress(OSError):
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            return 0
        with socket.socket(fileno=os.dup(number)) as connection:
            if connection.family in (socket.AF_INET, socket.AF_INET6):
                is_ours = connection.getsockname()[1] == port
                if is_ours and not _listens(connection):
                    unsent = fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4))
                    return int(struct.unpack("i", unsent)[0])
    return 0


def _listens(connection: socket.socket) -> bool:
    return bool(connection.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
