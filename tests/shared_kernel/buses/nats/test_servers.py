"""Servers with credentials and TLS, and servers that are misconfigured."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import nats
import pytest
import trustme
from nats.js import api
from structlog.testing import capture_logs

from app import Settings
from shared_kernel.buses.nats import connection, pull
from shared_kernel.buses.nats.jetstream import JetStreamBus
from shared_kernel.buses.nats.options import NatsOptions
from shared_kernel.buses.nats.stream import StreamDeclaration
from shared_kernel.buses.port import BusMisconfiguredError, Delivery, EventBus
from shared_kernel.runtime.bus_by_url import bus_by_url
from tests.contract.bus_bench import Inbox, some, until
from tests.nats_server import NatsServer
from tests.shared_kernel.buses.nats.accounts import an_account

pytestmark = pytest.mark.server
SUBJECTS = ("product.>", "stock.>", "new.product")


@pytest.fixture
def buses() -> Iterator[list[EventBus]]:
    opened: list[EventBus] = []
    yield opened
    for bus in opened:
        bus.close()


def a_bus(buses: list[EventBus], url: str, **more: Any) -> EventBus:
    buses.append(bus_by_url(Settings(bus_url=url, **more), SUBJECTS))
    return buses[-1]


def carries(bus: EventBus) -> bool:
    inbox = Inbox()
    bus.open()
    bus.subscribe("product.>", "listing", inbox)
    bus.publish(some("product.inserted"))
    return inbox.has({1})


def refusal(bus: EventBus) -> str:
    """The one-line message that both opening and publishing raise."""
    with pytest.raises(BusMisconfiguredError) as raised:
        bus.open()
    with pytest.raises(BusMisconfiguredError):
        bus.publish(some("product.inserted"))
    assert "\n" not in str(raised.value)
    return str(raised.value)


USER = "authorization { user: me, password: secret }"
TOKEN = "authorization { token: secret }"


@pytest.mark.parametrize(
    ("configuration", "who", "more"),
    [
        (USER, "me:secret@", {}),
        (TOKEN, "secret@", {}),
        (TOKEN, "", {"nats_token": "secret"}),
    ],
)
@pytest.mark.parametrize("scheme", ["nats", "jetstream"])
def test_a_client_with_credentials_connects(
    tmp_path: Path,
    buses: list[EventBus],
    scheme: str,
    configuration: str,
    who: str,
    more: dict[str, str],
) -> None:
    with NatsServer(tmp_path, jetstream=True, configuration=configuration) as server:
        assert carries(a_bus(buses, f"{scheme}://{who}{server.address}", **more))


@pytest.mark.parametrize(
    ("configuration", "who"), [(USER, "me:secrets@"), (USER, ""), (TOKEN, "secrets@")]
)
def test_a_client_without_credentials_is_refused_without_showing_a_secret(
    tmp_path: Path, buses: list[EventBus], configuration: str, who: str
) -> None:
    with NatsServer(tmp_path, configuration=configuration) as server:
        message = refusal(a_bus(buses, f"nats://{who}{server.address}"))

    assert message == (
        f"NATS at {server.address} refuses the credentials: correct those in BUS_URL "
        "or QUEUE_URL, NATS_TOKEN or NATS_CREDENTIALS"
    )


def test_a_credentials_file_is_accepted(tmp_path: Path, buses: list[EventBus]) -> None:
    configuration, credentials = an_account(tmp_path)
    with NatsServer(tmp_path, configuration=configuration) as server:
        url = f"nats://{server.address}"
        assert carries(a_bus(buses, url, nats_credentials=str(credentials)))
        assert "refuses the credentials" in refusal(a_bus(buses, url))


@attrs.frozen
class Certificates:
    """Certificates of an authority, of the server and of a client."""

    ca: str
    client: str
    key: str
    configuration: str


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1")
    client = authority.issue_cert("storehouse@example.org")
    ca, pem, key = (tmp_path / name for name in ("ca.pem", "client.pem", "client.key"))
    authority.cert_pem.write_to_path(str(ca))
    client.cert_chain_pems[0].write_to_path(str(pem))
    client.private_key_pem.write_to_path(str(key))
    server.cert_chain_pems[0].write_to_path(str(tmp_path / "server.pem"))
    server.private_key_pem.write_to_path(str(tmp_path / "server.key"))
    configuration = (
        f'tls {{ cert_file: "{tmp_path}/server.pem", key_file: "{tmp_path}/server.key",'
        f' ca_file: "{ca}", verify: true }}'
    )
    return Certificates(str(ca), str(pem), str(key), configuration)


def test_tls_with_certificates_on_both_sides(
    tmp_path: Path, buses: list[EventBus], certificates: Certificates
) -> None:
    with NatsServer(tmp_path, configuration=certificates.configuration) as server:
        bus = a_bus(
            buses,
            f"nats://{server.address}",
            nats_tls_ca=certificates.ca,
            nats_tls_certificate=certificates.client,
            nats_tls_key=certificates.key,
        )
        assert carries(bus)


def test_a_server_that_requires_tls_is_reported(
    tmp_path: Path, buses: list[EventBus], certificates: Certificates
) -> None:
    with NatsServer(tmp_path, configuration=certificates.configuration) as server:
        message = refusal(a_bus(buses, f"nats://{server.address}"))

    assert "NATS_TLS_CA" in message


def test_a_server_of_another_authority_is_not_trusted(
    tmp_path: Path, buses: list[EventBus], certificates: Certificates
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    with NatsServer(tmp_path, configuration=certificates.configuration) as server:
        bus = a_bus(buses, f"nats://{server.address}", nats_tls_ca=str(other))
        message = refusal(bus)

    assert "certificate" in message
    assert "NATS_TLS_CA" in message


def test_a_server_without_tls_is_reported_if_tls_is_configured(
    tmp_path: Path, buses: list[EventBus], certificates: Certificates
) -> None:
    with NatsServer(tmp_path) as server:
        bus = a_bus(buses, f"nats://{server.address}", nats_tls_ca=certificates.ca)
        message = refusal(bus)

    assert "does not speak TLS" in message


def test_an_invalid_certificate_file_is_named(
    tmp_path: Path, buses: list[EventBus]
) -> None:
    garbage = tmp_path / "ca.pem"
    garbage.write_text("no certificate")

    assert "PEM" in refusal(
        a_bus(buses, "nats://127.0.0.1:1", nats_tls_ca=str(garbage))
    )


def test_a_server_without_jetstream_is_reported_with_the_fix(
    tmp_path: Path, buses: list[EventBus]
) -> None:
    with NatsServer(tmp_path) as server:
        message = refusal(a_bus(buses, f"jetstream://{server.address}"))

    assert message == (
        f"NATS at {server.address} has no JetStream: start nats-server with -js, or "
        "set BUS_URL to nats://…"
    )


def test_a_stream_with_other_settings_is_reported_with_the_difference(
    tmp_path: Path, buses: list[EventBus]
) -> None:
    with NatsServer(tmp_path, jetstream=True) as server:
        url = f"jetstream://{server.address}"
        a_bus(buses, url).open()
        message = refusal(
            a_bus(buses, url, jetstream_max_age_hours=1, bus_subject_prefix="shop")
        )

    assert "the stream 'storehouse' is not as declared" in message
    assert "JETSTREAM_MAX_AGE_HOURS is 168.0, declared 1.0" in message
    assert "declared shop.new.product,shop.product.>,shop.stock.>" in message
    assert "duplicate" not in message.lower()


def test_processes_that_start_together_create_one_stream(
    tmp_path: Path, buses: list[EventBus]
) -> None:
    sources = ("catalog", "inventory", "orders", "returns")
    with NatsServer(tmp_path, jetstream=True) as server:
        options = NatsOptions(servers=[server.address])
        for name in ("one", "two", "three"):
            declared = StreamDeclaration(name=name, subjects=(f"{name}.>",))
            together = [
                JetStreamBus(options, declared, logs=lambda own=own: {own: f"of {own}"})  # type: ignore[misc]
                for own in sources
            ]
            buses += together
            with ThreadPoolExecutor(len(together)) as threads:
                # Raises if one of them is refused.
                list(threads.map(JetStreamBus.open, together))


def test_a_stream_with_overlapping_subjects_is_reported_with_the_fix(
    tmp_path: Path, buses: list[EventBus]
) -> None:
    with NatsServer(tmp_path, jetstream=True) as server:
        url = f"jetstream://{server.address}"
        a_bus(buses, url).open()
        message = refusal(a_bus(buses, url, jetstream_stream="other"))
        apart = a_bus(buses, url, jetstream_stream="other", bus_subject_prefix="other")
        assert carries(apart)

    assert "the stream 'other' is refused: subjects overlap" in message
    assert "BUS_SUBJECT_PREFIX" in message


def test_more_replicas_than_servers_are_reported_with_the_fix(
    tmp_path: Path, buses: list[EventBus]
) -> None:
    with NatsServer(tmp_path, jetstream=True) as server:
        url = f"jetstream://{server.address}"
        message = refusal(a_bus(buses, url, jetstream_replicas=3))

    assert "replicas > 1 not supported" in message
    assert "JETSTREAM_REPLICAS" in message


def test_the_stream_is_as_the_settings_say(
    tmp_path: Path, buses: list[EventBus]
) -> None:
    with NatsServer(tmp_path, jetstream=True) as server:
        bus = a_bus(
            buses,
            f"jetstream://{server.address}",
            jetstream_stream="shop",
            jetstream_duplicate_window_s=30,
            jetstream_max_age_hours=2,
        )
        bus.open()
        config = inspect(server, lambda js: js.stream_info("shop")).config

    assert config.storage == api.StorageType.FILE
    assert (config.duplicate_window, config.max_age) == (30, 7200)
    assert set(config.subjects) == set(SUBJECTS)


def test_an_event_published_twice_is_stored_once(
    tmp_path: Path, buses: list[EventBus]
) -> None:
    with NatsServer(tmp_path, jetstream=True) as server:
        bus, batch = a_bus(buses, f"jetstream://{server.address}"), some("stock.opened")
        bus.open()
        bus.publish(batch)
        bus.publish(batch)
        state = inspect(server, lambda js: js.stream_info("storehouse")).state

    assert state.messages == 1


def test_a_member_that_leaves_under_load_answers_every_message(
    tmp_path: Path, buses: list[EventBus]
) -> None:
    """A rejected message is redelivered at once, an unanswered one a minute later."""
    group = ("product.>", "catalog.listing")
    with NatsServer(tmp_path, jetstream=True) as server:
        options = NatsOptions(servers=[server.address])
        declared = StreamDeclaration(subjects=SUBJECTS)
        publisher, bus = (
            JetStreamBus(options, declared, ack_wait_s=60) for _ in range(2)
        )
        buses += [publisher, bus]
        for each in buses:
            each.open()
        stop = threading.Event()

        def publish() -> None:
            while not stop.is_set():
                publisher.publish(some(*["product.inserted"] * 3))

        publishing = threading.Thread(target=publish)
        publishing.start()
        for _ in range(4):
            deliveries: list[Delivery] = []
            inbox = Inbox(answer=deliveries.append)
            leave = bus.subscribe(*group, inbox)
            inbox.positions(50)
            leave()
            for delivery in deliveries:
                delivery.acknowledge()
        stop.set()
        publishing.join()
        bus.subscribe(*group, Inbox())

        def all_answered() -> bool:
            name = "catalog-listing-product-all"
            info = inspect(server, lambda js: js.consumer_info("storehouse", name))
            return bool(info.num_pending == info.num_ack_pending == 0)

        until(all_answered, "answering")


def test_a_stream_lost_with_its_storage_is_created_again(
    tmp_path: Path, buses: list[EventBus]
) -> None:
    with NatsServer(tmp_path, jetstream=True) as server:
        bus, inbox = a_bus(buses, f"jetstream://{server.address}"), Inbox()
        bus.open()
        bus.subscribe("product.>", "listing", inbox)
        bus.publish(some("product.inserted"))
        assert inbox.has({1})

        server.kill()
        server.delete_storage()
        server.start()
        until(lambda: publishes(bus), "publishing again")
        until(lambda: publishes(bus) and inbox.has({2}, 0.2), "delivering again")


@pytest.mark.parametrize("scheme", ["nats", "jetstream"])
def test_a_client_that_is_replaced_delivers_again(
    tmp_path: Path,
    buses: list[EventBus],
    scheme: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "STUCK_S", 0.1)
    monkeypatch.setattr(connection, "LOOK_S", 0.1)
    monkeypatch.setattr(pull, "PULL_S", 0.1)
    with NatsServer(tmp_path, jetstream=True) as server, capture_logs() as logs:
        bus, inbox = a_bus(buses, f"{scheme}://{server.address}"), Inbox()
        bus.open()
        bus.subscribe("product.>", "listing", inbox)

        server.kill()
        until(lambda: any("is replaced" in each["event"] for each in logs), "that")
        # A pull that was waiting for messages ends meanwhile.
        threading.Event().wait(2 * (pull.PULL_S + pull.RETRY_S))
        server.start()
        until(lambda: publishes(bus) and inbox.has({2}, 0.2), "delivering again")


def test_an_event_that_is_too_large_is_skipped(
    tmp_path: Path, buses: list[EventBus], capsys: pytest.CaptureFixture[str]
) -> None:
    with NatsServer(tmp_path, jetstream=True) as server:
        for scheme in ("nats", "jetstream"):
            bus, inbox = a_bus(buses, f"{scheme}://{server.address}"), Inbox()
            bus.open()
            bus.subscribe("product.>", "listing", inbox)
            large, small = some("product.inserted", "product.renamed")
            bus.publish([attrs.evolve(large, data=b"x" * 9 * 2**20), small])

            assert inbox.has({2})
            assert inbox.distinct == {2}
    assert capsys.readouterr().out.count("larger than the broker takes") == 2


def test_an_unreachable_server_is_one_line_in_the_log_and_no_error(
    buses: list[EventBus], capsys: pytest.CaptureFixture[str]
) -> None:
    a_bus(buses, "nats://127.0.0.1:1").open()

    said = capsys.readouterr().out
    assert said.count("broker is away") == 1
    assert "127.0.0.1:1" in said


def publishes(bus: EventBus) -> bool:
    try:
        bus.publish(some("product.inserted", first=2))
    except Exception:  # noqa: BLE001 - it is away
        return False
    return True


def inspect(server: NatsServer, ask: Any) -> Any:
    async def asking() -> Any:
        client = await nats.connect(server.url)
        try:
            return await ask(client.jetstream())
        finally:
            await client.close()

    return asyncio.run(asking())
