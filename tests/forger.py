"""A foreign program on a real NATS server that forges messages.

For each message of a Storehouse it immediately sends: the same with another payload,
with other attributes, at the next position; an event of another log; an old event with
other content; a heartbeat with a very high position; and a plain message on the same
subject.
"""

import asyncio
import itertools
import threading
from types import TracebackType
from typing import Self

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

FORGED = "x-forged"
START_S = 10.0


class Forger:
    """Runs from `start` to `stop`. `sent` counts its messages."""

    def __init__(self, address: str) -> None:
        self.sent = 0
        self._address = address
        self._numbers = itertools.count(1)
        self._old: dict[str, tuple[dict[str, str], bytes]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._client: Client | None = None

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(START_S)

    def stop(self) -> None:
        if self._client is not None:
            closing = self._client.close()
            asyncio.run_coroutine_threadsafe(closing, self._loop).result(START_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_S)
        self._loop.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    async def _listen(self) -> None:
        self._client = await nats.connect(f"nats://{self._address}")
        for subject in ("product.>", "stock.>", "heartbeat.>"):
            await self._client.subscribe(subject, cb=self._forge)

    async def _forge(self, message: Msg) -> None:
        given = dict(message.headers or {})
        if FORGED in given or "ce-position" not in given:
            return
        position, fresh = int(given["ce-position"]), f"forged-{next(self._numbers)}"
        seal = given["ce-seal"].partition(".")[2]
        lie = message.data.replace(b'"', b'"X', 2)
        forgeries = [
            (given, lie),
            ({**given, "ce-subject": "FORGED"}, message.data),
            ({**given, "ce-id": fresh, "ce-position": str(position + 1)}, message.data),
            ({**given, "ce-seal": f"{fresh}.{seal}", "ce-id": fresh}, lie),
            ({name: given[name] for name in given if name != "ce-seal"}, lie),
            ({}, b'{"sku": "FORGED", "name": "forged", "stock_count": 999}'),
        ]
        if message.subject.startswith("heartbeat."):
            forgeries = [({**given, "ce-position": str(10**9), "ce-id": fresh}, b"{}")]
        elif message.subject in self._old:
            before, data = self._old[message.subject]
            forgeries.append((before, data + b" "))
        self._old[message.subject] = given, message.data
        for headers, data in forgeries:
            await self._send(message.subject, headers, data)

    async def _send(self, subject: str, headers: dict[str, str], data: bytes) -> None:
        assert self._client is not None
        # A stream drops a repeated id, so each forgery has a new one.
        headers = {**headers, FORGED: "1", "Nats-Msg-Id": f"{next(self._numbers)}-f"}
        await self._client.publish(subject, data, headers=headers)
        self.sent += 1
