"""`Consistency-Token`: a read shows the client's own writes, or says it cannot."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from tests.web_clients import Shop, a_product, a_shop, problem

TOKEN = "Consistency-Token"
READS = ["/products", "/products/LAMP-1", "/stock/LAMP-1", "/stock/LAMP-1/movements"]


def written(shop: Shop, *skus: str) -> str:
    """The token of the last of some products that are not projected yet."""
    answers = [shop.client.post("/products", json=a_product(sku=sku)) for sku in skus]
    return answers[-1].headers[TOKEN]


def get(shop: Shop, token: str, refused: threading.Event) -> TestResponse:
    client = shop.client.application.test_client()
    answer = client.get("/products", headers={TOKEN: token})
    if answer.status_code == 503:
        refused.set()
    return answer


@pytest.mark.parametrize("path", [*READS, "/stock?id=LAMP-1"])
def test_a_read_that_cannot_show_the_write_in_time_is_a_503(
    shop: Shop, path: str
) -> None:
    shop.register()
    token = written(shop, *(f"CHAIR-{number}" for number in range(8)))
    response = shop.client.get(path, headers={TOKEN: token})

    document = problem(response, 503, "read-model-behind")

    assert response.headers["Retry-After"] == "1"
    shown = {name: document[name] for name in ("source", "wanted", "reached")}
    assert shown == {"source": "catalog", "wanted": 9, "reached": 1}
    assert document["lag_events"] == 8


def test_the_503_comes_within_the_time_allowed(shop: Shop) -> None:
    token = written(shop, "LAMP-1")
    begun = time.monotonic()

    shop.client.get("/products", headers={TOKEN: token})

    assert 0.03 <= time.monotonic() - begun < 1


@pytest.mark.parametrize(
    "path", [*READS, "/stock?id=LAMP-1", "/events/catalog", "/events/inventory"]
)
def test_a_position_that_the_log_has_not_reached_is_refused_at_once(
    tmp_path: Path, path: str
) -> None:
    with a_shop(tmp_path, consistency_timeout_ms=60_000) as shop:
        shop.register()
        begun = time.monotonic()
        answer = shop.client.get(path, headers={TOKEN: "catalog:999999"})

        document = problem(answer, 400, "unknown-position")

        assert time.monotonic() - begun < 10
        shown = {name: document[name] for name in ("source", "position", "end")}
        assert shown == {"source": "catalog", "position": 999999, "end": 1}


@pytest.mark.parametrize("path", ["/products", "/stock/LAMP-1/movements"])
def test_unknown_positions_of_another_source_are_refused_too(
    shop: Shop, path: str
) -> None:
    shop.register()
    answer = shop.client.get(path, headers={TOKEN: "catalog:1, inventory:2"})

    assert problem(answer, 400, "unknown-position")["source"] == "inventory"


def test_waiting_requests_leave_threads_for_others(tmp_path: Path) -> None:
    waiting = {"threads": 8, "consistency_timeout_ms": 60_000}
    with a_shop(tmp_path, **waiting) as shop, ThreadPoolExecutor(3) as threads:
        shop.register()
        seen = "catalog:1"
        token = written(shop, "LAMP-2")
        refused = threading.Event()
        answers = [threads.submit(get, shop, token, refused) for _ in range(3)]
        assert refused.wait(30)

        assert get(shop, seen, refused).status_code == 200
        shop.settle()

        found = sorted(
            (each.result() for each in answers), key=lambda each: each.status_code
        )
        assert [each.status_code for each in found] == [200, 200, 503]
        document = problem(found[2], 503, "read-model-behind")
        assert "too many requests wait for the read model" in document["detail"]
        assert found[2].headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    "prefer", ["handling=lenient", "respond-async, handling=lenient; wait=1"]
)
def test_a_lenient_read_returns_stale_data(shop: Shop, prefer: str) -> None:
    for token in (written(shop, "LAMP-1"), "catalog:9"):
        headers = {TOKEN: token, "Prefer": prefer}

        response = shop.client.get("/products", headers=headers)

        assert (response.status_code, response.get_json()) == (200, [])


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize(
    "token", ["", "catalog", "catalog:", "catalog:-1", "catalog:x", "shop:1", "1"]
)
def test_an_invalid_token_is_refused_by_name(
    lasting_shop: Shop, path: str, token: str
) -> None:
    response = lasting_shop.client.get(path, headers={"Consistency-Token": token})

    document = problem(response, 400, "invalid-parameter")

    assert document["errors"][0]["parameter"] == "Consistency-Token"


def test_a_visible_position_is_not_waited_for(shop: Shop) -> None:
    token = shop.register().headers["Consistency-Token"]

    response = shop.client.get("/products", headers={"Consistency-Token": token})

    assert response.get_json()[0]["availability"] == "in_stock"


def test_the_listing_shows_the_stock_opened_for_the_product(shop: Shop) -> None:
    written = shop.client.post("/products", json=a_product())
    token = {"Consistency-Token": written.headers["Consistency-Token"]}
    shop.storehouse.context("catalog").relay.step()
    for subscription in shop.storehouse.service("catalog-queries").subscriptions:
        subscription.step()

    problem(shop.client.get("/products", headers=token), 503, "read-model-behind")
    shop.settle()
    (listed,) = shop.client.get("/products", headers=token).get_json()

    assert listed["availability"] == "in_stock"


def test_reading_ones_own_writes_always_shows_stock(tmp_path: Path) -> None:
    with a_shop(tmp_path, consistency_timeout_ms=10_000) as shop:
        shop.storehouse.start()
        for number in range(50):
            path = f"/products/LAMP-{number}"
            body = a_product(sku=f"LAMP-{number}")
            token = shop.client.post("/products", json=body).headers[TOKEN]
            listed = shop.client.get(path, headers={TOKEN: token}).get_json()

            assert listed["availability"] == "in_stock"
