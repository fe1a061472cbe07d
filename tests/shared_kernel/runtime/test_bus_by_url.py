"""`BUS_URL` selects the bus."""

import builtins
from collections.abc import Callable
from typing import Any

import pytest

from app import Settings
from shared_kernel.buses.aws.bus import AwsBus
from shared_kernel.buses.feed import FeedBus
from shared_kernel.buses.in_process import InProcessBus
from shared_kernel.buses.kafka.bus import KafkaBus
from shared_kernel.buses.nats.core import NatsBus
from shared_kernel.buses.nats.jetstream import JetStreamBus
from shared_kernel.buses.port import BusMisconfiguredError
from shared_kernel.buses.pubsub.bus import PubSubBus
from shared_kernel.buses.redis.bus import RedisBus
from shared_kernel.runtime.bus_by_url import bus_by_url
from shared_kernel.runtime.setting import SCHEMES

BUSES = {
    "inprocess:": InProcessBus,
    "feed:": FeedBus,
    "nats://127.0.0.1:1": NatsBus,
    "jetstream://127.0.0.1:1": JetStreamBus,
    "redis://127.0.0.1:1/2": RedisBus,
    "rediss://127.0.0.1:1": RedisBus,
    "kafka://127.0.0.1:1": KafkaBus,
    "pubsub://project": PubSubBus,
    "sns+sqs://eu-west-1": AwsBus,
}


@pytest.mark.parametrize("url", BUSES)
def test_the_scheme_selects_the_bus_without_connecting(url: str) -> None:
    bus = bus_by_url(Settings(bus_url=url), ["product.>"])

    assert isinstance(bus, BUSES[url])
    bus.close()


def test_every_scheme_that_settings_accept_has_a_bus() -> None:
    assert [url.partition(":")[0] for url in BUSES] == list(SCHEMES)


@pytest.mark.parametrize(
    ("scheme", "extra"),
    [
        ("nats", "nats"),
        ("redis", "redis"),
        ("kafka", "kafka"),
        ("pubsub", "google"),
        ("sns+sqs", "aws"),
    ],
)
def test_if_the_client_is_missing_the_error_names_the_extra_to_install(
    monkeypatch: pytest.MonkeyPatch, scheme: str, extra: str
) -> None:
    found: Callable[..., Any] = builtins.__import__

    def missing(name: str, *more: Any) -> Any:
        if name in {f"shared_kernel.runtime.{each}_by_url" for each in (scheme, extra)}:
            raise ImportError(name)
        return found(name, *more)

    monkeypatch.setattr(builtins, "__import__", missing)

    with pytest.raises(BusMisconfiguredError) as raised:
        bus_by_url(Settings(bus_url=f"{scheme}://me:secret@host"))

    assert str(raised.value) == (
        f"BUS_URL {scheme}: needs the extra `{extra}`: "
        f"pip install 'storehouse[{extra}]'"
    )
