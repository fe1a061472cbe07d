"""One product that is registered later, on a queue that Redis hurries."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from catalog.application import handlers
from tests.cluster import wait_until
from tests.redis_server import RedisServer
from tests.web_clients import Shop, a_product, a_shop

pytestmark = pytest.mark.server

READY = "rmq::queue::[new-products]::ready"
LATER = {"Prefer": "respond-async"}


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def shop(tmp_path: Path, redis: RedisServer) -> Iterator[Shop]:
    with a_shop(tmp_path, queue_url=redis.url) as shop:
        yield shop


def in_background(request: Callable[[], Any]) -> Thread:
    thread = Thread(target=request)
    thread.start()
    return thread


def test_redis_is_told_at_once_though_another_request_has_committed_it(
    shop: Shop, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests that wait share a commit, and the first of them executes it."""
    register, going_on = handlers.register_product, Event()

    def slowly(*given: Any) -> int:
        going_on.wait(10)
        return register(*given)

    def post(sku: str, **headers: Any) -> Thread:
        client = shop.client.application.test_client()
        body = a_product(sku=sku)
        return in_background(
            lambda: client.post("/products", json=body, headers=headers)
        )

    monkeypatch.setattr(handlers, "register_product", slowly)
    writer = shop.storehouse.context("catalog").writer
    first = post("FIRST")
    wait_until(lambda: writer._busy and not writer._waiting, "the first")
    leading = post("LEADING")
    wait_until(lambda: len(writer._waiting) == 1, "the second")
    later = post("LATER", **LATER)
    wait_until(lambda: len(writer._waiting) == 2, "the third")
    going_on.set()
    for thread in (first, leading, later):
        thread.join(10)

    (entry,) = redis.texts(READY)
    assert "new.product" in entry


def test_what_is_stored_twice_for_one_key_is_told_once(
    shop: Shop, redis: RedisServer
) -> None:
    for _ in range(2):
        shop.client.post(
            "/products", json=a_product(), headers=LATER | {"Idempotency-Key": "mine"}
        )

    assert len(redis.texts(READY)) == 1
