"""A shared NATS: foreign messages, missing permissions, lost streams."""

import asyncio
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.js.errors import ServiceUnavailableError

from app import Settings
from shared_kernel.buses.binary_mode import headers_of
from shared_kernel.buses.nats.connection import NatsConnection
from shared_kernel.buses.nats.options import NatsOptions
from shared_kernel.buses.nats.stream import StreamDeclaration, declare
from shared_kernel.buses.port import BusUnavailableError, EventBus
from shared_kernel.runtime.bus_by_url import bus_by_url
from tests.contract.bus_bench import Inbox, some, until
from tests.nats_server import NatsServer

SUBJECTS = ("product.>", "stock.>")


def a_bus(url: str) -> EventBus:
    return bus_by_url(Settings(bus_url=url), SUBJECTS)


@pytest.mark.server
@pytest.mark.parametrize("scheme", ["nats", "jetstream"])
def test_foreign_messages_are_delivered_whatever_they_contain(
    tmp_path: Path, scheme: str
) -> None:
    timeless = headers_of(some("product.inserted")[0]) | {"ce-time": "2026-01-01"}
    inbox = Inbox()
    with (
        NatsServer(tmp_path, jetstream=True) as server,
        closing(a_bus(f"{scheme}://{server.address}")) as bus,
    ):
        bus.open()
        bus.subscribe("product.>", "listing", inbox)
        for headers in (None, timeless, {"ce-position": "1"}):
            send_as_a_stranger(server, "product.inserted", headers)
        bus.publish(some("product.renamed", first=9))

        assert inbox.positions(4) == [0, 0, 0, 9]
    strangers = inbox.received[:3]
    assert {(each.type, each.data) for each in strangers} == {
        ("product.inserted", b'{"name": "Lamp"}')
    }
    if scheme == "jetstream":
        assert [each.id for each in strangers] == [
            "storehouse:1",
            timeless["ce-id"],
            "storehouse:3",
        ]


@pytest.mark.server
@pytest.mark.parametrize("scheme", ["nats", "jetstream"])
def test_a_forbidden_subject_is_logged_once(
    tmp_path: Path, scheme: str, capsys: pytest.CaptureFixture[str]
) -> None:
    denied = "permissions: { publish: { deny: stock.opened } }"
    configuration = (
        f"authorization {{ users: [{{ user: me, password: secret, {denied} }}] }}"
    )
    with (
        NatsServer(tmp_path, jetstream=True, configuration=configuration) as server,
        closing(a_bus(f"{scheme}://me:secret@{server.address}")) as bus,
    ):
        bus.open()
        for _ in range(2):
            with suppress(BusUnavailableError):
                bus.publish(some("stock.opened"))
        bus.publish(some("product.inserted"))

    said = capsys.readouterr().out
    assert said.count("NATS forbids it") == 1
    assert "stock.opened" in said
    assert "secret" not in said


@pytest.mark.server
def test_a_lost_stream_is_created_again_despite_a_foreign_subscriber(
    tmp_path: Path,
) -> None:
    delivered = Inbox()
    with (
        NatsServer(tmp_path, jetstream=True) as server,
        closing(a_bus(f"jetstream://{server.address}")) as bus,
        closing(a_bus(f"nats://{server.address}")) as stranger,
    ):
        bus.open()
        stranger.open()
        stranger.subscribe("product.>", "stranger", delivered)

        server.kill()
        server.delete_storage()
        server.start()
        until(lambda: publishes(stranger) and delivered.has({2}, 0.2), "the stranger")
        until(lambda: publishes(bus), "publishing again")


@pytest.mark.server
def test_a_connection_that_cannot_subscribe_is_closed(tmp_path: Path) -> None:
    clients: list[Client] = []

    async def listen(client: Client) -> None:
        clients.append(client)
        if len(clients) == 2:
            raise TimeoutError

    with NatsServer(tmp_path) as server:
        connection = NatsConnection(NatsOptions(servers=[server.address]), listen)
        connection.open()
        until(lambda: len(clients) == 4, "connecting again")
        kept = connection.client()
        given_up = clients[0].is_closed
        connection.close()

    assert clients == [clients[0], clients[0], kept, kept]
    assert clients[0] is not kept
    assert given_up


class Electing:
    """JetStream of a cluster that has no leader at the moment."""

    async def stream_info(self, name: str) -> None:
        raise ServiceUnavailableError(
            code=503, err_code=10008, description=f"no leader to ask for {name}"
        )


def test_a_cluster_without_a_leader_is_a_transient_fault() -> None:
    declaration = StreamDeclaration(subjects=SUBJECTS)

    with pytest.raises(ServiceUnavailableError):
        asyncio.run(
            declare(Electing(), NatsOptions(servers=["h1:4222"]), declaration, {})  # type: ignore[arg-type]  # asked for nothing else
        )


def publishes(bus: EventBus) -> bool:
    try:
        bus.publish(some("product.inserted", first=2))
    except BusUnavailableError:
        return False
    return True


def send_as_a_stranger(
    server: NatsServer, subject: str, headers: dict[str, str] | None
) -> None:
    async def sending() -> None:
        client = await nats.connect(server.url)
        await client.publish(subject, b'{"name": "Lamp"}', headers=headers)
        await client.flush()
        await client.close()

    asyncio.run(sending())


@pytest.mark.server
@pytest.mark.parametrize(
    "breaks", [asyncio.CancelledError(), AttributeError("_transport"), OSError()]
)
def test_closing_closes_the_loop_however_the_client_fails(
    tmp_path: Path, breaks: BaseException
) -> None:
    connected = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def on_connected(client: Client) -> None:
        async def flush(**_: Any) -> None:
            raise breaks

        client.flush = flush  # type: ignore[assignment]  # as if it broke just then
        loops.append(asyncio.get_running_loop())
        connected.set()

    with NatsServer(tmp_path) as server:
        connection = NatsConnection(NatsOptions(servers=[server.address]), on_connected)
        connection.open()
        assert connected.wait(10)
        connection.close()

    assert all(loop.is_closed() for loop in loops)
