"""Queues on a JetStream of the test, and a program that knows nothing of ours."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import nats

from shared_kernel.buses.nats.options import NatsOptions
from shared_kernel.clock import Clock
from shared_kernel.queues.jetstream.opening import open_link
from shared_kernel.queues.redelivering import BrokerLink
from tests.nats_server import NatsServer


def a_link(port: int, clock: Clock, *, ack_wait_s: int = 30) -> BrokerLink:
    return open_link(
        NatsOptions(servers=[f"127.0.0.1:{port}"]),
        "work",
        max_age_s=3600,
        ack_wait_s=ack_wait_s,
        clock=clock,
        jitter=lambda: 1.0,
    )


class JetStreamPlace:
    def __init__(self, server: NatsServer) -> None:
        self.server = server

    def link(self, clock: Clock, *, ack_wait_s: int = 30) -> BrokerLink:
        return a_link(self.server.port, clock, ack_wait_s=ack_wait_s)

    def send(
        self,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        queue: str = "work",
    ) -> None:
        """As another program does."""

        async def send(client: Any) -> None:
            given = dict(headers) if headers else None
            await client.jetstream().publish(f"queue.{queue}", body, headers=given)

        self._with_client(send)

    def wipe(self) -> None:
        async def wipe(client: Any) -> None:
            for each in await client.jetstream().streams_info():
                await client.jetstream().delete_stream(each.config.name)

        self._with_client(wipe)

    def _with_client(self, use: Callable[[Any], Awaitable[None]]) -> None:
        async def connected() -> None:
            client = await nats.connect(self.server.url)
            try:
                await use(client)
            finally:
                await client.close()

        asyncio.run(connected())
