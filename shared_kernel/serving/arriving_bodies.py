"""Request bodies while they arrive: no thread waits for them.

Each has a deadline. Their total size in memory is bounded too: beyond that, the oldest
incomplete body is given up. An upload may be longer and take longer: it is written to a
temporary file, and its deadline is for the next part of it.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO, Any, Protocol

import attrs

from shared_kernel.web.unreceived import Missing

TICK_S = 0.1
"""How much later than its deadline a body may be given up."""

MOST_HELD_BYTES = 64 * 1024 * 1024


Then = Callable[[IO[bytes] | Missing], None]


class Chunk(Protocol):
    """Granian's future of the next chunk; it has part of asyncio's interface."""

    def done(self) -> bool: ...

    def result(self) -> bytes: ...

    def cancel(self) -> bool: ...

    def add_done_callback(self, callback: Callable[["Chunk"], None]) -> None: ...


class Incoming(Protocol):
    """Granian's iterator of a body: `__aiter__` must be called once, first."""

    def __aiter__(self) -> Any: ...

    def __anext__(self) -> Chunk:
        """Raises StopAsyncIteration at the end."""


@attrs.frozen(kw_only=True)
class BodyLimits:
    """A body longer than `most_bytes` is cut soon after them.

    All incomplete bodies together may hold `most_held_bytes`.
    """

    most_bytes: int = 1024 * 1024
    timeout_s: float = 10.0
    most_held_bytes: int = MOST_HELD_BYTES


class ArrivingBodies:
    """The bodies of one process. `then` gets a whole body, or why there is none.

    The body is a file in memory, or on disk for an upload. `then` is called once for
    each body. It may block if there is a body, since the thread is then one of
    Granian's.
    """

    def __init__(self, limits: BodyLimits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._arriving: OrderedDict[_Body, float] = OrderedDict()
        self._held_bytes = 0
        self._all_end_at = float("inf")

    def start(self) -> None:
        """Enforce deadlines in the background, until the process ends."""
        threading.Thread(
            target=self._run, name="storehouse-bodies", daemon=True
        ).start()

    def await_one(
        self,
        incoming: Incoming,
        length: int | None,
        then: Then,
        upload_bytes: int | None = None,
    ) -> None:
        """`length` is the Content-Length, if there is one.

        With `upload_bytes` it is an upload of at most so many.
        """
        body = _Body(
            self, incoming, length, upload_bytes or self._limits.most_bytes, then
        )
        if upload_bytes is not None and not body.to_disk():
            then(Missing.NO_ROOM)
            return
        self.expect(body)
        incoming.__aiter__()
        body.go_on()

    def hurry(self, seconds: float) -> None:
        """Shorten all deadlines to at most that."""
        self._all_end_at = time.monotonic() + seconds

    def expect(self, body: "_Body") -> None:
        """Let its deadline begin."""
        with self._lock:
            self._arriving[body] = time.monotonic() + self._limits.timeout_s

    def hold(self, more_bytes: int) -> None:
        with self._lock:
            self._held_bytes += more_bytes
            full = self._held_bytes > self._limits.most_held_bytes
            held = (body for body in self._arriving if not body.is_on_disk)
            oldest = next(held, None) if full else None
        if oldest is not None:
            oldest.give_up()

    def forget(self, body: "_Body", held_bytes: int) -> None:
        with self._lock:
            self._held_bytes -= held_bytes
            self._arriving.pop(body, None)

    def give_up_the_late(self) -> None:
        now = time.monotonic()
        with self._lock:
            late = [
                body
                for body, deadline in self._arriving.items()
                if min(deadline, self._all_end_at) <= now
            ]
        # Drop the last reference, too: Granian closes a body that is not referenced.
        while late:
            late.pop(0).give_up()

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(TICK_S)
            self.give_up_the_late()


class _Body:
    def __init__(
        self,
        all_of_them: ArrivingBodies,
        incoming: Incoming,
        length: int | None,
        most_bytes: int,
        then: Then,
    ) -> None:
        self._all = all_of_them
        # None once the body has ended, in any way.
        self._incoming: Incoming | None = incoming
        self._length = length
        self._most_bytes = most_bytes
        self._then = then
        self._lock = threading.Lock()
        self._came: IO[bytes] = BytesIO()
        self._came_bytes = 0
        self._coming: Chunk | None = None
        self.is_on_disk = False

    def to_disk(self) -> bool:
        """False if no file can be made."""
        try:
            self._came = TemporaryFile()  # noqa: SIM115 - the end of the request closes it
        except OSError:
            return False
        self.is_on_disk = True
        return True

    @property
    def held_bytes(self) -> int:
        """In memory."""
        return 0 if self.is_on_disk else self._came_bytes

    def go_on(self) -> None:
        """Take the chunks that are there, and get a callback for the next one."""
        while (incoming := self._incoming) is not None:
            try:
                chunk = incoming.__anext__()
            except StopAsyncIteration:
                self._end()
                return
            if chunk.done():
                self._take(chunk)
            elif self._awaits(chunk):
                chunk.add_done_callback(self._take_and_go_on)
                return

    def give_up(self, why: Missing = Missing.LATE) -> None:
        """Does nothing if the body has just ended."""
        with self._lock:
            if self._incoming is None:
                return
            self._incoming, coming = None, self._coming
            self._coming = None
        if coming is not None:
            # Only then does Granian release the connection.
            coming.cancel()
        self._all.forget(self, self.held_bytes)
        self._close()
        self._then(why)

    def _awaits(self, chunk: Chunk) -> bool:
        with self._lock:
            if self._incoming is not None:
                self._coming = chunk
                return True
        # The body was given up before this chunk was registered.
        chunk.cancel()
        return False

    def _take_and_go_on(self, chunk: Chunk) -> None:
        if self._incoming is not None:
            self._take(chunk)
            self.go_on()

    def _take(self, chunk: Chunk) -> None:
        # A chunk may be empty, also the last one before the end.
        data = bytes(chunk.result())
        with self._lock:
            if self._incoming is None:
                return
            kept = self._keep(data)
        if not kept:
            self.give_up(Missing.NO_ROOM)
        elif self.is_on_disk:
            self._all.expect(self)
        else:
            self._all.hold(len(data))
        if self._came_bytes == self._length or self._came_bytes > self._most_bytes:
            self._end()

    def _end(self) -> None:
        with self._lock:
            if self._incoming is None:
                return
            self._incoming = self._coming = None
        self._all.forget(self, self.held_bytes)
        try:
            # What is buffered is written now.
            self._came.seek(0)
        except OSError:
            self._close()
            self._then(Missing.NO_ROOM)
        else:
            self._then(self._came)

    def _keep(self, data: bytes) -> bool:
        """False if there is no room for it."""
        try:
            self._came.write(data)
        except OSError:
            return False
        self._came_bytes += len(data)
        return True

    def _close(self) -> None:
        # It writes what is buffered, though nobody wants it any more.
        with suppress(OSError):
            self._came.close()
