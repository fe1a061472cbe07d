"""BUS_URL says how to reach NATS; secrets are never shown."""

import pytest

from app import Settings
from shared_kernel.buses.nats.options import NatsOptions
from shared_kernel.buses.port import BusMisconfiguredError
from shared_kernel.runtime.nats_by_url import options_of


def options(url: str, **more: str) -> NatsOptions:
    return options_of(Settings(bus_url=url, **more))  # type: ignore[arg-type]  # any setting


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("nats://h1", ["h1:4222"]),
        ("nats://h1:5222,h2", ["h1:5222", "h2:4222"]),
        ("jetstream://h1,h2:1/", ["h1:4222", "h2:1"]),
        ("nats://me:secret@h1,h2", ["h1:4222", "h2:4222"]),
        ("nats://[::1]:5222", ["[::1]:5222"]),
        ("nats://[::1]", ["[::1]:4222"]),
    ],
)
def test_the_url_names_the_servers(url: str, servers: list[str]) -> None:
    assert list(options(url).servers) == servers


def test_credentials_before_the_servers_are_a_user_or_a_token() -> None:
    user, token = options("nats://me:p%40ss@h1"), options("nats://t%3Aken@h1")

    assert (user.user, user.password, user.token) == ("me", "p@ss", None)
    assert (token.user, token.token) == (None, "t:ken")
    assert options("nats://h1", nats_token="t").token == "t"


@pytest.mark.parametrize(
    "url", ["nats://h1:port", "nats://h1:0", "nats://h1,,h2", "nats://h1/path"]
)
def test_an_invalid_server_is_named(url: str) -> None:
    with pytest.raises(BusMisconfiguredError, match="BUS_URL names the server"):
        options(url)


def test_a_prefix_is_put_before_every_subject() -> None:
    prefixed = options("nats://h1", bus_subject_prefix="shop.eu")

    assert prefixed.subject("product.>") == "shop.eu.product.>"
    assert prefixed.type("shop.eu.product.inserted") == "product.inserted"
    assert options("nats://h1").subject("product.>") == "product.>"


@pytest.mark.parametrize(
    "url",
    [
        "nats://me:secret",
        "nats://me:secret@h1,me:secret@h2",
        "nats://me:secret@h1,nats://me:secret@h2",
        "nats://me:secret,@h1",
    ],
)
def test_misplaced_credentials_are_refused_without_being_shown(url: str) -> None:
    with pytest.raises(BusMisconfiguredError, match="user:password@host") as raised:
        options(url)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("url", ["nats://me:secret@h1", "nats://secret@h1"])
def test_no_secret_is_shown(url: str) -> None:
    assert "secret" not in repr(options(url, nats_token="secret"))
    with pytest.raises(BusMisconfiguredError) as raised:
        options(f"{url}:port")
    assert "secret" not in str(raised.value)
