"""One connection to NATS, kept up by a thread that owns the event loop."""

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError, Future, wait
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from typing import Any, TypeVar

import nats.errors
import structlog
from nats.aio.client import Client, Server

from shared_kernel.buses.broker import Broker
from shared_kernel.buses.nats.client_errors import misconfiguration
from shared_kernel.buses.nats.messages import read_headers
from shared_kernel.buses.nats.options import NatsOptions
from shared_kernel.buses.port import BusMisconfiguredError, BusUnavailableError

OPEN_S = 2.0
RECONNECT_S = 0.25
FIRST_BACKOFF_S, MAX_BACKOFF_S = 0.05, 1.0
LOOK_S = 1.0
STUCK_S = 15.0
"""A client that has not reconnected for this long is replaced by a new one: it may be
waiting for the close of a connection whose other end is gone."""
PING_S = 1
MAX_PINGS = 2
"""After this many pings without an answer the connection counts as lost."""
CLOSE_S = 3.0

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class _Client(Client):
    """The client of nats-py, with two internal methods replaced.

    If TLS is configured, it sends nothing in the clear, least of all credentials;
    nats-py would, to a server without TLS. And it parses headers, the main cost of
    receiving a message, in a third of the time.
    """

    def __init__(self, *, wants_tls: bool) -> None:
        super().__init__()
        self._wants_tls = wants_tls

    async def _process_info(
        self, info: dict[str, Any], initial_connection: bool = False
    ) -> None:
        if self._wants_tls and not info.get("tls_required"):
            raise nats.errors.SecureConnWantedError
        await super()._process_info(info, initial_connection)

    _parse_header_lines = staticmethod(read_headers)


class NatsConnection:
    """Connects in the background, and reconnects whenever the connection is lost.

    `on_connected` is awaited on the loop with each new client; opening and publishing
    raise what it raises as BusMisconfiguredError. `on_lost` is called there when a
    client has lost its server: pending requests get no answer.
    """

    def __init__(
        self,
        options: NatsOptions,
        on_connected: Callable[[Client], Awaitable[None]],
        on_lost: Callable[[], None] = lambda: None,
        *,
        kind: str = "nats",
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._options = options
        self.broker = Broker(kind, f"{kind}://{','.join(options.servers)}", self._look)
        self._jitter = jitter
        self._attempts = 0
        self._on_connected = on_connected
        self._on_lost = on_lost
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._client: Client | None = None
        self._settled = threading.Event()
        self._closed = False
        # While opening, the caller gets an exception instead of a line in the log.
        self._opening = False
        self._fault: Exception | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._spawned: set[Future[Any]] = set()
        self._forbidden: set[str] = set()

    @property
    def shown(self) -> str:
        return ", ".join(self._options.servers)

    def start(self) -> None:
        """Begin to connect. A second call does nothing."""
        with self._starting:
            if self._thread is None and not self._closed:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._run, args=[self._loop], name="storehouse-nats"
                )
                self._thread.daemon = True
                self._thread.start()

    def open(self) -> None:
        """Raises BusMisconfiguredError. An unreachable server is only logged."""
        self._opening = True
        self.start()
        self._settled.wait(OPEN_S)
        self._opening = False
        if isinstance(self._fault, BusMisconfiguredError):
            raise self._fault
        if self._client is None:
            self.broker.lost(self._fault or "no answer")

    def client(self) -> Client:
        """The client. Raises BusUnavailableError and BusMisconfiguredError."""
        self.start()
        client = self._client
        if client is None or not client.is_connected:
            if isinstance(self._fault, BusMisconfiguredError):
                raise self._fault
            raise BusUnavailableError(f"NATS at {self.shown} cannot be reached")
        return client

    def call(self, work: Coroutine[Any, Any, T], timeout_s: float) -> T:
        """Run `work` on the loop. Raises BusUnavailableError when it takes too long."""
        loop = self._loop
        if loop is None or self._closed:
            work.close()
            raise BusUnavailableError("the bus is closed")
        future = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return future.result(timeout_s)
        except FutureTimeoutError as error:
            future.cancel()
            raise BusUnavailableError(
                f"NATS at {self.shown} does not answer within {timeout_s:.0f} s"
            ) from error
        except CancelledError as error:
            raise BusUnavailableError("the bus is closed") from error

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run `work` on the loop without waiting for it; only closing waits."""
        loop = self._loop
        if loop is None or self._closed:
            work.close()
            return
        future = asyncio.run_coroutine_threadsafe(work, loop)
        self._spawned.add(future)
        future.add_done_callback(self._spawned.discard)

    def close(self) -> None:
        with self._starting:
            thread, loop = self._thread, self._loop
            already, self._closed = self._closed, True
        if already or thread is None or loop is None:
            return
        wait(list(self._spawned), CLOSE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(2 * CLOSE_S)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        self._keeping = loop.create_task(self._keep_connected())
        try:
            loop.run_forever()
            loop.run_until_complete(self._let_go())
        finally:
            loop.close()

    async def _keep_connected(self) -> None:
        while True:
            lost = asyncio.Event()
            try:
                client = await self._connect(lost)
                try:
                    await self._on_connected(client)
                    self._found(client)
                    # Again: members may have been added before `_found` published the
                    # client.
                    await self._on_connected(client)
                    await self._until_lost(client, lost)
                finally:
                    # `close` waits for the other end, which may be gone.
                    with suppress(TimeoutError):
                        async with asyncio.timeout(CLOSE_S):
                            await client.close()
            except BusMisconfiguredError as error:
                self._record_failure(error)
            except (nats.errors.Error, OSError, TimeoutError) as error:
                self._record_failure(error)
            self._client = None
            await asyncio.sleep(RECONNECT_S)

    async def _until_lost(self, client: Client, lost: asyncio.Event) -> None:
        connected_s = time.monotonic()
        while not lost.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await lost.wait()
            if client.is_connected:
                connected_s = time.monotonic()
            elif time.monotonic() - connected_s > STUCK_S:
                _log.warning("NATS client is replaced", servers=self.shown)
                return

    async def _connect(self, lost: asyncio.Event) -> Client:
        client = _Client(wants_tls=self._options.wants_tls)

        async def on_error(error: Exception) -> None:
            self._record_failure(error)

        async def on_disconnected() -> None:
            self._on_lost()
            if self._client is client and not self._closed:
                self.broker.lost("the connection is lost")

        async def on_reconnected() -> None:
            self._found(client)

        async def on_closed() -> None:
            lost.set()

        await client.connect(
            **self._options.connecting(),
            name="storehouse",
            connect_timeout=2,
            allow_reconnect=True,
            max_reconnect_attempts=-1,
            reconnect_time_wait=RECONNECT_S,  # type: ignore[arg-type]  # a fraction will do
            reconnect_to_server_handler=self._next_server,
            ping_interval=PING_S,
            max_outstanding_pings=MAX_PINGS,
            # Our own code makes all subjects.
            skip_subject_validation=True,
            error_cb=on_error,
            disconnected_cb=on_disconnected,
            reconnected_cb=on_reconnected,
            closed_cb=on_closed,
        )
        if not client.is_connected:
            # The server hung up before it answered; nats-py takes that for success.
            await client.close()
            raise ConnectionResetError("it broke off")
        return client

    def _next_server(
        self, servers: list[Server], _: dict[str, Any]
    ) -> tuple[Server, float]:
        """The server tried least often, after a backoff with jitter."""
        self._attempts += 1
        at_most_s = min(FIRST_BACKOFF_S * 2 ** min(self._attempts, 16), MAX_BACKOFF_S)
        wait_s = at_most_s * (0.5 + self._jitter() / 2)
        return min(servers, key=lambda server: server.reconnects), wait_s

    def _found(self, client: Client) -> None:
        self._attempts = 0
        self._client, self._fault = client, None
        self._settled.set()
        self.broker.found()

    def _record_failure(self, error: Exception) -> None:
        """Remember why there is no connection; log it if an operator must act."""
        if "permissions violation" in str(error).lower():
            self._log_forbidden(str(error))
            return
        found = misconfiguration(error, self.shown)
        if found is None:
            known = isinstance(self._fault, BusMisconfiguredError)
            # A server that rejects a client often hangs up before it has said why.
            if self._client is None and (
                not known or isinstance(error, ConnectionRefusedError)
            ):
                self._fault = error
                if not self._opening:
                    self.broker.lost(error)
            return
        if str(found) != str(self._fault) and not self._opening:
            _log.error("NATS is not as needed", error=str(found))
        self._fault = found
        self.broker.lost(found, logged=False)
        self._settled.set()

    def _log_forbidden(self, what: str) -> None:
        """Once for each subject. Everything else goes on, so nothing is raised."""
        if what not in self._forbidden:
            self._forbidden.add(what)
            _log.error(
                "NATS forbids it: give this user the permission",
                servers=self.shown,
                error=what,
            )

    def _look(self) -> None:
        """Whether it can be reached, though nobody has connected."""
        if self._thread is None:
            try:
                asyncio.run(_greet(self._options))
            except (nats.errors.Error, OSError, TimeoutError) as error:
                self.broker.lost(error)
            else:
                self.broker.found()
        elif self._client is not None and self._client.is_connected:
            # It answers pings.
            self.broker.found()

    async def _let_go(self) -> None:
        """End all tasks before the loop ends, whatever a failing client raises."""
        goodbye = asyncio.create_task(self._say_goodbye())
        await asyncio.wait([goodbye], timeout=CLOSE_S)
        tasks = {goodbye, *asyncio.all_tasks()} - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _say_goodbye(self) -> None:
        if self._client is not None:
            await self._client.flush(timeout=1)
            await self._client.close()


async def _greet(options: NatsOptions) -> None:
    async with asyncio.timeout(OPEN_S):
        client = _Client(wants_tls=options.wants_tls)
        await client.connect(**options.connecting(), allow_reconnect=False)
        await client.close()
