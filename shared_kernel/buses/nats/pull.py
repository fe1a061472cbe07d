"""Fetching from a durable consumer of JetStream, in batches, and answering."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import api

from shared_kernel.buses.nats.connection import NatsConnection
from shared_kernel.buses.nats.core import FLUSH_S, Collector
from shared_kernel.buses.nats.member import Member
from shared_kernel.buses.nats.messages import envelope_of
from shared_kernel.buses.nats.options import NatsOptions
from shared_kernel.buses.port import BusError, Delivery

API_S = 2.0
ACK_WAIT_S = 10.0
PULL_BATCH = 500
PULL_S = 1.0
"""How long a pull waits for messages, and so how long leaving may take."""
MOST_UNANSWERED = 5000
FIRST_DELAY_S, MAX_DELAY_S = 0.1, 5.0
RETRY_S = 0.25

_NOTHING = {"404", "408"}
_STILL_THERE = "100"


class Pull:
    """Fetches for a member from the durable consumer that its group shares.

    `declare_stream` is awaited when the consumer is gone: the server may have lost its
    storage.
    """

    def __init__(
        self,
        member: Member,
        connection: NatsConnection,
        options: NatsOptions,
        stream: str,
        declare_stream: Callable[[Client], Awaitable[None]],
        ack_wait_s: float = ACK_WAIT_S,
    ) -> None:
        self._member = member
        self._connection = connection
        self._options = options
        self._stream = stream
        self._declare_stream = declare_stream
        self._ack_wait_s = ack_wait_s
        self._collector = Collector(member, self._delivery)
        self._client: Client | None = None
        self._pulling: asyncio.Task[None] | None = None
        self._ending = False
        self._over = asyncio.Event()
        self._to_come = 0
        self._gone = False

    async def begin(self, client: Client) -> None:
        """Pull by `client` from now on. A second call does nothing."""
        if self._client is client or self._ending:
            return
        self._client = client
        if self._pulling is not None:
            self._pulling.cancel()
        await self._declare(client)
        self._pulling = asyncio.get_running_loop().create_task(self._pull(client))

    def end(self) -> None:
        """Take the messages of the outstanding pull, and then stop."""
        with suppress(BusError):
            self._connection.call(self._finish(), PULL_S + 3 * FLUSH_S)
        self._member.leave()

    async def _finish(self) -> None:
        self._ending = True
        if self._pulling is not None:
            await asyncio.wait([self._pulling], timeout=PULL_S + FLUSH_S)
            self._pulling.cancel()

    async def _declare(self, client: Client) -> None:
        """Try to create it; errors are left to the pull, which finds no consumer."""
        with suppress(nats.errors.Error, OSError, TimeoutError):
            await client.jetstream(timeout=API_S).add_consumer(
                self._stream,
                api.ConsumerConfig(
                    durable_name=self._member.name,
                    deliver_policy=api.DeliverPolicy.NEW,
                    ack_policy=api.AckPolicy.EXPLICIT,
                    ack_wait=self._ack_wait_s,
                    max_ack_pending=MOST_UNANSWERED,
                    filter_subject=self._options.subject(self._member.pattern),
                ),
            )

    async def _pull(self, client: Client) -> None:
        inbox = client.new_inbox()
        subscription = await client.subscribe(inbox, cb=self._take)
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._member.name}"
        request = {"batch": PULL_BATCH, "expires": int(PULL_S * 1e9)}
        try:
            # A closed client is replaced, and a new pull begins with the new one.
            while not (self._ending or client.is_closed):
                self._to_come, self._gone = PULL_BATCH, False
                self._over.clear()
                try:
                    await client.publish(
                        subject, json.dumps(request).encode(), reply=inbox
                    )
                    # It takes longer only if the answer was lost, for example with the
                    # connection.
                    async with asyncio.timeout(PULL_S + RETRY_S):
                        await self._over.wait()
                except TimeoutError:
                    pass
                except (nats.errors.Error, OSError):
                    await asyncio.sleep(RETRY_S)
                if self._gone:
                    with suppress(BusError, nats.errors.Error, OSError, TimeoutError):
                        await self._declare_stream(client)
                    await self._declare(client)
                    await asyncio.sleep(RETRY_S)
        finally:
            with suppress(nats.errors.Error):
                await subscription.unsubscribe()

    async def _take(self, message: Msg) -> None:
        status = (message.headers or {}).get(api.Header.STATUS)
        if status is None:
            self._to_come -= 1
            await self._collector.collect(message)
        elif status == _STILL_THERE:
            return
        else:
            self._gone = status not in _NOTHING
            self._to_come = 0
        if self._to_come <= 0:
            self._over.set()

    def _delivery(self, messages: Sequence[Msg]) -> Delivery:
        kind = self._options.type
        return Delivery(
            [
                envelope_of(kind(m.subject), m.headers, m.data, _place(m))
                for m in messages
            ],
            acknowledge=partial(self._answer, messages, _acknowledgement),
            reject=partial(self._answer, messages, _rejection),
        )

    def _answer(self, messages: Sequence[Msg], answer: Callable[[Msg], bytes]) -> None:
        self._connection.spawn(self._send(messages, answer))

    async def _send(
        self, messages: Sequence[Msg], answer: Callable[[Msg], bytes]
    ) -> None:
        client = self._client
        # A message without an answer is delivered again.
        with suppress(nats.errors.Error, OSError):
            if client is not None:
                for message in messages:
                    await client.publish(message.reply, answer(message))


def _acknowledgement(_: Msg) -> bytes:
    return b"+ACK"


def _rejection(message: Msg) -> bytes:
    """Deliver it again, with a longer delay each time."""
    times = min(message.metadata.num_delivered, 16)
    delay_s = min(FIRST_DELAY_S * 2 ** (times - 1), MAX_DELAY_S)
    return b"-NAK " + json.dumps({"delay": int(delay_s * 1e9)}).encode()


def _place(message: Msg) -> str:
    """The message's place in the stream; only foreign messages need it."""
    if message.headers and "ce-id" in message.headers:
        return ""
    metadata = message.metadata
    return f"{metadata.stream}:{metadata.sequence.stream}"
