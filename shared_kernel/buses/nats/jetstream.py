"""NATS JetStream: at least once, from a stream that keeps what was published."""

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import api
from nats.js.errors import NoStreamResponseError

from shared_kernel.buses.binary_mode import headers_of, message_id
from shared_kernel.buses.broker import BrokerState
from shared_kernel.buses.envelope import HEARTBEAT, Envelope
from shared_kernel.buses.nats.connection import NatsConnection
from shared_kernel.buses.nats.core import CoreMembers, fits, send
from shared_kernel.buses.nats.member import Member
from shared_kernel.buses.nats.messages import MESSAGE_ID
from shared_kernel.buses.nats.options import NatsOptions
from shared_kernel.buses.nats.pull import ACK_WAIT_S, Pull
from shared_kernel.buses.nats.stream import StreamDeclaration, declare
from shared_kernel.buses.patterns import matcher
from shared_kernel.buses.port import (
    BusError,
    BusUnavailableError,
    Capabilities,
    Deliver,
    Leave,
)

API_S = 2.0
PUBLISH_S = 5.0
JOIN_S = 3.0

Logs = Callable[[], Mapping[str, str]]
"""The identities of the logs of this process, by source."""


class JetStreamBus:
    """A message in the stream for each event; a durable consumer for each group.

    Publishing waits for all acknowledgements of a batch. The stream drops a batch that
    is published again within its duplicate window. Heartbeats need no storage: they go
    by core NATS.
    """

    capabilities = Capabilities(
        between_processes=True,
        between_replicas=True,
        at_least_once=True,
        waits_for_members=True,
        in_order=True,
    )

    def __init__(
        self,
        options: NatsOptions,
        declaration: StreamDeclaration,
        *,
        ack_wait_s: float = ACK_WAIT_S,
        logs: Logs = dict,
    ) -> None:
        self._logs = logs
        self._options = options
        self._declaration = declaration
        self._ack_wait_s = ack_wait_s
        self._connection = NatsConnection(
            options, self._on_connected, self._on_lost, kind="jetstream"
        )
        self._listening = CoreMembers(self._connection, options)
        self._pulling: list[Pull] = []
        self._acknowledgements: _Acknowledgements | None = None

    def broker(self) -> BrokerState:
        return self._connection.broker.state()

    def open(self) -> None:
        self._connection.open()

    def publish(self, batch: Sequence[Envelope]) -> None:
        if batch:
            client = self._connection.client()
            self._connection.call(self._publish(client, batch), 2 * PUBLISH_S)

    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        if pattern.startswith(HEARTBEAT):
            return self._listening.add(pattern, group, deliver)
        matcher(pattern)
        pull = Pull(
            Member(pattern, group, deliver),
            self._connection,
            self._options,
            self._declaration.name,
            self._declare,
            self._ack_wait_s,
        )
        self._pulling.append(pull)
        self._connection.start()
        with suppress(BusError):
            client = self._connection.client()
            self._connection.call(pull.begin(client), JOIN_S)
        return partial(self._leave, pull)

    def close(self) -> None:
        for pull in list(self._pulling):
            self._leave(pull)
        self._listening.leave()
        self._connection.close()

    def _leave(self, pull: Pull) -> None:
        if pull in self._pulling:
            self._pulling.remove(pull)
            pull.end()

    async def _on_connected(self, client: Client) -> None:
        await self._declare(client)
        await self._listening.join(client)
        for pull in list(self._pulling):
            await pull.begin(client)

    def _on_lost(self) -> None:
        if self._acknowledgements is not None:
            self._acknowledgements.give_up()

    async def _declare(self, client: Client) -> None:
        js = client.jetstream(timeout=API_S)
        await declare(js, self._options, self._declaration, self._logs())

    async def _publish(self, client: Client, batch: Sequence[Envelope]) -> None:
        stored = [envelope for envelope in batch if not envelope.is_heartbeat]
        heartbeats = [envelope for envelope in batch if envelope.is_heartbeat]
        if heartbeats:
            await send(client, self._options, self._connection.broker, heartbeats)
        if not stored:
            return
        try:
            try:
                await self._publish_stored(client, stored)
            except NoStreamResponseError:
                # The server has lost its storage: create the stream again.
                await self._declare(client)
                await self._publish_stored(client, stored)
            except TimeoutError:
                # Without a stream, another subscriber of the subject hides the error.
                # The next batch finds it.
                await self._declare(client)
                raise
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise BusUnavailableError(
                f"JetStream at {self._connection.shown} did not acknowledge: "
                f"{type(error).__name__} {error}"
            ) from error

    async def _publish_stored(self, client: Client, batch: Sequence[Envelope]) -> None:
        acknowledgements = self._acknowledgements
        if acknowledgements is None or acknowledgements.client is not client:
            acknowledgements = _Acknowledgements(client)
            await acknowledgements.listen()
            self._acknowledgements = acknowledgements
        waiting: list[asyncio.Future[None]] = []
        try:
            for envelope in batch:
                headers = {**headers_of(envelope), MESSAGE_ID: message_id(envelope)}
                if not fits(client, self._connection.broker, envelope, headers):
                    continue
                reply, acknowledged = acknowledgements.expect()
                waiting.append(acknowledged)
                subject = self._options.subject(envelope.type)
                await client.publish(
                    subject, envelope.data, reply=reply, headers=headers
                )
            if not client.is_connected:
                acknowledgements.give_up()
            async with asyncio.timeout(PUBLISH_S):
                await asyncio.gather(*waiting)
        finally:
            for acknowledged in waiting:
                acknowledged.cancel()


class _Acknowledgements:
    """The acknowledgements of the stream for what `client` published."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._inbox = client.new_inbox()
        self._numbers = itertools.count()
        self._expected: dict[str, asyncio.Future[None]] = {}

    async def listen(self) -> None:
        await self.client.subscribe(f"{self._inbox}.*", cb=self._answered)

    def expect(self) -> tuple[str, asyncio.Future[None]]:
        """Reply subject of the next acknowledgement, and the future it resolves."""
        reply = f"{self._inbox}.{next(self._numbers)}"
        future = asyncio.get_running_loop().create_future()
        self._expected[reply] = future
        future.add_done_callback(lambda _: self._expected.pop(reply, None))
        return reply, future

    def give_up(self) -> None:
        """The server is lost: fail everything it has not acknowledged."""
        for future in list(self._expected.values()):
            if not future.done():
                future.set_exception(nats.errors.ConnectionClosedError())

    async def _answered(self, message: Msg) -> None:
        future = self._expected.get(message.subject)
        if future is None or future.done():
            return
        if (message.headers or {}).get(api.Header.STATUS) == "503":
            future.set_exception(NoStreamResponseError())
            return
        answer = json.loads(message.data)
        if "error" in answer:
            reason = answer["error"].get("description", "error")
            future.set_exception(nats.errors.Error(reason))
        else:
            future.set_result(None)
