"""A queue in JetStream: a work-queue stream, whose one consumer all workers share."""

import json
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import api
from nats.js.errors import NotFoundError

from shared_kernel.buses.nats.connection import NatsConnection
from shared_kernel.buses.nats.options import NatsOptions
from shared_kernel.buses.port import BusError
from shared_kernel.queues.bodies import Received
from shared_kernel.queues.jetstream.declaring import CONSUMER, WorkStream, declare

FAULTS = (BusError, nats.errors.Error, OSError, TimeoutError)
REQUEST_S = 3.0
GRACE_S = 0.5
"""How much later than it is due an answer is still waited for."""
_NO_MORE = {"404", "408"}
"""There is no message; or none came in time."""
_STILL_THERE = "100"


class JetStreamBroker:
    """Connects in the background with the first request, and reconnects for ever."""

    def __init__(self, options: NatsOptions, stream: WorkStream) -> None:
        self._stream = stream
        self._connection = NatsConnection(options, self._declare)
        self._opening = threading.Lock()
        self._opened = False

    def send(self, bodies: Sequence[bytes]) -> None:
        """Unconfirmed: what is lost is found in the rows."""

        async def send(client: Client) -> None:
            for body in bodies:
                await client.publish(self._stream.subject, body)
            await client.flush(timeout=int(REQUEST_S))

        self._ask(send)

    def receive(self, most: int, wait_s: float) -> list[Received]:
        found = self._ask(partial(self._receive, most=most, wait_s=wait_s), wait_s)
        return [_received(each) for each in found]

    def acknowledge(self, receipts: Sequence[Any]) -> None:
        self._ask(partial(_answer, receipts=receipts, answer=b"+ACK"))

    def release(self, receipts: Sequence[Any]) -> None:
        self._ask(partial(_answer, receipts=receipts, answer=b"-NAK"))

    def counts(self) -> dict[str, int]:
        async def look(client: Client) -> dict[str, int]:
            js = client.jetstream(timeout=REQUEST_S)
            try:
                info = await js.consumer_info(self._stream.name, CONSUMER)
            except NotFoundError:
                await self._declare(client)
                info = await js.consumer_info(self._stream.name, CONSUMER)
            return {"ready": info.num_pending or 0, "held": info.num_ack_pending or 0}

        counts: dict[str, int] = self._ask(look)
        return counts

    def purge(self) -> None:
        async def purge(client: Client) -> None:
            with suppress(NotFoundError):
                js = client.jetstream(timeout=REQUEST_S)
                await js.purge_stream(self._stream.name)

        self._ask(purge)

    def close(self) -> None:
        self._connection.close()

    def _ask(self, request: Any, longer_s: float = 0) -> Any:
        with self._opening:
            if not self._opened:
                self._opened = True
                self._connection.open()
        client = self._connection.client()
        return self._connection.call(request(client), REQUEST_S + longer_s)

    async def _declare(self, client: Client) -> None:
        js = client.jetstream(timeout=REQUEST_S)
        await declare(js, self._stream, self._connection.shown)

    async def _receive(self, client: Client, most: int, wait_s: float) -> list[Msg]:
        """Those that are there; else wait for the next one."""
        inbox = client.new_inbox()
        answers = await client.subscribe(inbox)
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream.name}.{CONSUMER}"
        requests: list[dict[str, object]] = [
            {"batch": most, "no_wait": True},
            {"batch": 1, "expires": int(wait_s * 1e9)},
        ]
        try:
            for request in requests:
                await client.publish(subject, json.dumps(request).encode(), reply=inbox)
                count = int(str(request["batch"]))
                found, told = await _answers(answers, count, wait_s + GRACE_S)
                if not told:
                    # The server has lost its storage, or the consumer is gone.
                    await self._declare(client)
                if found or not told:
                    return found
            return []
        finally:
            with suppress(*FAULTS):
                await answers.unsubscribe()


async def _answers(
    answers: Subscription, most: int, wait_s: float
) -> tuple[list[Msg], bool]:
    """Until there are so many, or the server says that there are no more.

    Also whether it said that, or sent any.
    """
    found: list[Msg] = []
    while len(found) < most:
        try:
            message = await answers.next_msg(timeout=wait_s)
        except (nats.errors.Error, TimeoutError):
            return found, bool(found)
        status = (message.headers or {}).get(api.Header.STATUS)
        if status is None:
            found.append(message)
        elif status in _NO_MORE:
            return found, True
        elif status != _STILL_THERE:
            return found, False
    return found, True


async def _answer(client: Client, receipts: Sequence[str], answer: bytes) -> None:
    for receipt in receipts:
        await client.publish(receipt, answer)


def _received(message: Msg) -> Received:
    metadata = message.metadata
    # A stream that was made again counts from 1.
    place = f"{metadata.sequence.stream} of {metadata.timestamp.isoformat()}"
    return Received(
        id=place,
        body=message.data,
        receipt=message.reply,
        attributes=message.headers or {},
    )
