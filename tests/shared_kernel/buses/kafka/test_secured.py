"""Kafka with TLS and with users, and settings that lead nowhere."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import pytest
import trustme

from app import Settings
from shared_kernel.buses.kafka.bus import KafkaBus
from shared_kernel.buses.kafka.options import KafkaOptions
from shared_kernel.buses.port import BusMisconfiguredError
from shared_kernel.runtime.kafka_by_url import options_of
from tests.contract.bus_bench import some
from tests.kafka_server import KafkaServer
from tests.ports import free_port

SECRET = "a-secret"


@attrs.frozen
class Secured:
    """`address` speaks TLS, with a certificate of the authority in the file `ca`."""

    address: str
    ca: str


async def carry(source: asyncio.StreamReader, goal: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await source.read(65_536):
            goal.write(chunk)
            await goal.drain()
    goal.close()


class Tls(threading.Thread):
    """Speaks TLS on a port, and in the clear to another one, until it is stopped."""

    def __init__(self, port: int, target: int, context: ssl.SSLContext) -> None:
        super().__init__()
        self._port, self._target, self._context = port, target, context
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self.ready = threading.Event()

    def run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(lambda *_: None)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self.join()

    async def _serve(self) -> None:
        server = await asyncio.start_server(
            self._join, "127.0.0.1", self._port, ssl=self._context
        )
        self.ready.set()
        await self._stopped.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for each in others:
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _join(
        self, theirs: asyncio.StreamReader, to_them: asyncio.StreamWriter
    ) -> None:
        ours, to_us = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(carry(theirs, to_us), carry(ours, to_them))


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """The command line of `tansu` has no TLS that works (0.6), so a proxy has it."""
    folder, port = tmp_path_factory.mktemp("tls"), free_port()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with KafkaServer(folder / "kafka", advertised=port) as server:
        tls = Tls(port, server.port, context)
        tls.start()
        tls.ready.wait()
        yield Secured(f"127.0.0.1:{port}", str(folder / "ca.pem"))
        tls.stop()


@pytest.mark.server
@pytest.mark.proof
def test_events_go_over_tls(secured: Secured) -> None:
    bus = KafkaBus(
        KafkaOptions(servers=[secured.address], protocol="SSL", tls_ca=secured.ca)
    )
    bus.open()

    bus.publish(some("product.inserted"))

    assert bus.broker().reachable
    bus.close()


@pytest.mark.server
@pytest.mark.proof
def test_an_unknown_authority_stops_the_start(secured: Secured, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    bus = KafkaBus(
        KafkaOptions(
            servers=[secured.address],
            protocol="SSL",
            tls_ca=str(tmp_path / "other.pem"),
        )
    )

    with pytest.raises(BusMisconfiguredError, match="correct KAFKA_SECURITY_PROTOCOL"):
        bus.open()
    bus.close()


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    bus = KafkaBus(
        KafkaOptions(
            servers=["127.0.0.1:1"], protocol="SSL", tls_ca=str(tmp_path / "ca.pem")
        )
    )

    with pytest.raises(BusMisconfiguredError, match="KAFKA_TLS_CA"):
        bus.open()


@pytest.mark.server
@pytest.mark.proof
def test_a_user_proves_the_password_and_another_is_refused(tmp_path: Path) -> None:
    with KafkaServer(tmp_path, "--authentication") as server:
        options = KafkaOptions(
            servers=[server.address],
            protocol="SASL_PLAINTEXT",
            user="me",
            password=SECRET,
        )
        bus = KafkaBus(options)

        with pytest.raises(BusMisconfiguredError, match="refuses the cred") as raised:
            bus.open()

        assert SECRET not in str(raised.value)
        assert SECRET not in repr(options)
        bus.close()


@pytest.mark.parametrize(
    ("url", "more", "expected"),
    [
        ("kafka://me:a-secret@host", {}, "write them in KAFKA_SASL_USERNAME"),
        ("kafka://host:0", {}, "names the server 'host:0'; expected kafka://host:port"),
        ("kafka://host,", {}, "names the server ''"),
        ("kafka://host/0", {}, "names the server 'host/0'"),
        (
            "kafka://host",
            {"kafka_security_protocol": "SASL_SSL"},
            "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
        ),
        (
            "kafka://host",
            {"kafka_sasl_username": "me", "kafka_sasl_password": SECRET},
            "PLAINTEXT or SSL without them",
        ),
    ],
)
def test_a_wrong_setting_is_named_without_secrets(
    url: str, more: dict[str, Any], expected: str
) -> None:
    with pytest.raises(BusMisconfiguredError) as raised:
        options_of(Settings(bus_url=url, **more), [])

    assert expected in str(raised.value)
    assert SECRET not in str(raised.value)


def test_every_setting_reaches_the_client() -> None:
    settings = Settings(
        bus_url="kafka://h1,h2:9093",
        bus_subject_prefix="shop",
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="PLAIN",
        kafka_sasl_username="me",
        kafka_sasl_password=SECRET,
        kafka_tls_ca="ca.pem",
        kafka_partitions=3,
        kafka_max_age_hours=2,
    )

    options = options_of(settings, ["product.>", "new.product"])

    client = options.connecting()
    assert client["bootstrap.servers"] == "h1:9092,h2:9093"
    assert (client["sasl.mechanism"], client["security.protocol"]) == (
        "PLAIN",
        "SASL_SSL",
    )
    assert (client["sasl.username"], client["sasl.password"]) == ("me", SECRET)
    assert client["ssl.ca.location"] == "ca.pem"
    assert (options.partitions, options.max_age_s, options.prefix) == (3, 7200, "shop")
    assert options.subjects == ["product.>"]
    assert options.shown == "kafka://h1:9092,h2:9093"
