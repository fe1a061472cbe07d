"""Which broker `make split` starts."""

import pytest

from tests import broker_of_bus
from tests.brokers import BROKERED


@pytest.mark.parametrize(
    ("url", "started"),
    [
        ("nats://127.0.0.1:4300", ("nats", "4300")),
        ("jetstream://me:12@one:4301,two:4302", ("nats", "4301")),
        ("redis://127.0.0.1/1", ("redis", "6379")),
        ("redis://[::1]/0", ("redis", "6379")),
        ("redis://me:34@[::1]:7000/1", ("redis", "7000")),
        ("pubsub://project", ("pubsub", "4303")),
        ("sns+sqs://eu-west-1", ("aws", "4566")),
    ],
)
def test_the_broker_of_the_bus_is_started_at_its_port(
    url: str, started: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, str, str]] = []

    class Module:
        def __init__(self, name: str) -> None:
            self.kind = name.removeprefix("tests.").removesuffix("_server")

        def main(self, port: str, folder: str) -> None:
            calls.append((self.kind, port, folder))

    monkeypatch.setattr(broker_of_bus, "import_module", Module)
    monkeypatch.setenv("NATS_PORT", "1")
    monkeypatch.setenv("PUBSUB_PORT", "4303")
    broker_of_bus.main(url)

    assert calls == [(*started, f"var/{started[0]}")]


def test_each_broker_of_the_tests_can_be_started_for_trials() -> None:
    kinds = {kind for kind, _ in broker_of_bus.SERVERS.values()}

    assert kinds == {brokered.kind for brokered in BROKERED.values()}


def test_a_bus_without_a_broker_is_refused() -> None:
    with pytest.raises(SystemExit, match="feed: has no broker to start here"):
        broker_of_bus.main("feed:")
