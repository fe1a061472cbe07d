"""A TCP proxy that simulates network faults."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Literal

Direction = Literal["up", "down"]
"""Up is from the client to the target, down is back."""

_HOST = "127.0.0.1"
_CHUNK = 65_536
_CHUNKS_ON_THE_WAY = 64
_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER value with which closing a socket sends a reset."""


class TcpProxy:
    """From `port` to `target_port`, both on this machine; initially it forwards all.

    Bytes held back by a cut are not lost: as in TCP, they are delivered when the cut is
    over. The end of a connection is held back like its bytes.

    A server that tells its clients where to reach it does so by `address_of` its port;
    they are told the port of the proxy. Both are of equal length.
    """

    def __init__(
        self,
        target_port: int,
        port: int = 0,
        *,
        address_of: Callable[[int], bytes] | None = None,
    ) -> None:
        self._target_port = target_port
        self._address_of = address_of
        self._delay_s = 0.0
        self._streams: set[asyncio.StreamWriter] = set()
        self._connections: dict[asyncio.Task[None], socket.socket] = {}
        self._listener = socket.create_server((_HOST, port))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve()), name=f"tcp-proxy-{self.port}"
        )
        self._thread.start()
        self._ready.wait()

    def __enter__(self) -> "TcpProxy":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def pass_through(self) -> None:
        """End the cut and the delay."""
        self._now(self._open)

    def cut(self, direction: Direction | None = None) -> None:
        """Freeze every connection, old or new, silently; or one direction of each."""
        self._now(lambda: self._freeze(direction))

    def reset(self) -> None:
        """Break all connections. New ones are accepted."""
        self._now(self._break)

    def lead_to(self, target_port: int) -> None:
        """Break all connections; new ones go to the given target."""
        self._target_port = target_port
        self.reset()

    def delay(self, seconds: float) -> None:
        """Delay everything from now on, in both directions."""
        self._now(lambda: setattr(self, "_delay_s", seconds))

    def close(self) -> None:
        """Break all connections and stop listening."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closed.set)
            self._thread.join()

    def _now(self, change: Callable[[], None]) -> None:
        """Return when `change` has been made."""
        made = threading.Event()

        def make() -> None:
            change()
            made.set()

        self._loop.call_soon_threadsafe(make)
        made.wait()

    def _open(self) -> None:
        self._delay_s = 0.0
        for gate in self._gates.values():
            gate.set()

    def _freeze(self, direction: Direction | None) -> None:
        for way, gate in self._gates.items():
            if direction in (None, way):
                gate.clear()

    def _break(self) -> None:
        for stream in list(self._streams):
            _reset(stream)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._closed = asyncio.Event()
        self._gates: dict[Direction, asyncio.Event] = {
            "up": asyncio.Event(),
            "down": asyncio.Event(),
        }
        self._open()
        self._loop.add_reader(self._listener, self._accept)
        self._ready.set()
        await self._closed.wait()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self) -> None:
        accepted, _ = self._listener.accept()
        connection = asyncio.create_task(self._connect(accepted))
        self._connections[connection] = accepted
        connection.add_done_callback(self._forget)

    def _forget(self, connection: asyncio.Task[None]) -> None:
        self._connections.pop(connection).close()

    async def _connect(self, accepted: socket.socket) -> None:
        from_client, to_client = await asyncio.open_connection(sock=accepted)
        self._streams.add(to_client)
        try:
            await self._gates["up"].wait()
            await self._join(from_client, to_client)
        except OSError:
            pass  # nobody listens at the target
        finally:
            self._streams.discard(to_client)
            _reset(to_client)

    async def _join(
        self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        from_target, to_target = await asyncio.open_connection(_HOST, self._target_port)
        self._streams.add(to_target)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry("up", from_client, to_target))
                both.create_task(self._carry("down", from_target, to_client))
        finally:
            self._streams.discard(to_target)
            _reset(to_target)

    async def _carry(
        self, way: Direction, source: asyncio.StreamReader, goal: asyncio.StreamWriter
    ) -> None:
        """Until the source has ended and the destination has been told."""
        on_the_way: asyncio.Queue[tuple[float, bytes | None]] = asyncio.Queue(
            _CHUNKS_ON_THE_WAY
        )
        async with asyncio.TaskGroup() as both:
            both.create_task(self._take(source, on_the_way))
            both.create_task(self._give(way, on_the_way, goal))

    def _told(self, chunk: bytes) -> bytes:
        """An address is short, so it comes in one piece."""
        if self._address_of is None:
            return chunk
        there, here = self._address_of(self._target_port), self._address_of(self.port)
        return chunk.replace(there, here)

    async def _take(
        self,
        source: asyncio.StreamReader,
        on_the_way: asyncio.Queue[tuple[float, bytes | None]],
    ) -> None:
        chunk: bytes | None = b"something"
        while chunk:
            try:
                chunk = await source.read(_CHUNK)
            except OSError:
                chunk = None
            await on_the_way.put((self._loop.time() + self._delay_s, chunk))

    async def _give(
        self,
        way: Direction,
        on_the_way: asyncio.Queue[tuple[float, bytes | None]],
        goal: asyncio.StreamWriter,
    ) -> None:
        while True:
            due, chunk = await on_the_way.get()
            await asyncio.sleep(due - self._loop.time())
            await self._gates[way].wait()
            # If the destination is gone, the other direction ends the connection.
            with contextlib.suppress(OSError):
                if chunk is None:
                    _reset(goal)
                elif goal.is_closing():
                    pass
                elif chunk:
                    goal.write(self._told(chunk) if way == "down" else chunk)
                    await goal.drain()
                else:
                    goal.write_eof()
            if not chunk:
                return


def _reset(stream: asyncio.StreamWriter) -> None:
    if not stream.transport.is_closing():
        its_socket: socket.socket = stream.get_extra_info("socket")
        with contextlib.suppress(OSError):
            its_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    stream.transport.abort()
