"""A request with an `Idempotency-Key` is executed once, however often it is sent."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared_kernel.clock import system_clock
from shared_kernel.runtime.running import RunningServices
from shared_kernel.serving.application import web_application
from shared_kernel.web.idempotency import ForgetIdempotencyKeys
from tests.databases import Databases
from tests.storehouses import a_storehouse

pytestmark = pytest.mark.proof_on("postgresql")

LAMP: dict[str, Any] = {"name": "Lamp", "sku": "LAMP-1", "stock_count": 5}


@pytest.fixture
def storehouse(databases: Databases) -> Iterator[RunningServices]:
    with a_storehouse(databases) as storehouse:
        yield storehouse


@pytest.fixture
def client(storehouse: RunningServices) -> FlaskClient:
    return web_application(storehouse).test_client()


def register(client: FlaskClient, key: str, **changed: Any) -> TestResponse:
    headers = {"Idempotency-Key": key}
    return client.post("/products", json=LAMP | changed, headers=headers)


def events(storehouse: RunningServices) -> int:
    return len(storehouse.context("catalog").log.read(0, 100))


def is_reuse(response: TestResponse) -> bool:
    kind = response.get_json()["type"]
    return (response.status_code, kind) == (422, "/problems/idempotency-key-reused")


def test_a_repeated_request_gets_the_same_response_and_is_executed_once(
    client: FlaskClient, storehouse: RunningServices
) -> None:
    first, again = register(client, "k"), register(client, "k")

    assert first.status_code == again.status_code == 201
    assert first.data == again.data
    assert dict(first.headers) == dict(again.headers)
    assert events(storehouse) == 1


@pytest.mark.parametrize(
    ("first", "again"), [("k1", '"k1"'), ('"a b"', '"a b"'), ('"a\\"b"', 'a"b')]
)
def test_a_key_and_the_string_that_holds_it_are_one_key(
    client: FlaskClient, storehouse: RunningServices, first: str, again: str
) -> None:
    assert register(client, first).data == register(client, again).data

    assert events(storehouse) == 1


def test_the_token_of_a_repetition_is_not_behind_the_first_one(
    client: FlaskClient,
) -> None:
    first = register(client, "k")
    register(client, "other", sku="LAMP-2")

    assert first.headers["Consistency-Token"] == "catalog:1"
    assert register(client, "k").headers["Consistency-Token"] == "catalog:2"


def test_a_key_with_another_body_is_refused(
    client: FlaskClient, storehouse: RunningServices
) -> None:
    register(client, "k")

    assert is_reuse(register(client, "k", sku="LAMP-2"))
    assert events(storehouse) == 1


def test_a_key_with_another_route_is_refused(client: FlaskClient) -> None:
    register(client, "k")
    path, headers = "/products/LAMP-1/discontinue", {"Idempotency-Key": "k"}

    assert is_reuse(client.post(path, headers=headers))


def test_a_refused_request_may_be_corrected_under_its_key(client: FlaskClient) -> None:
    register(client, "a")

    assert register(client, "b", name="Another").status_code == 409
    assert register(client, "b", sku="LAMP-2").status_code == 201


def test_a_key_is_known_after_a_restart(databases: Databases) -> None:
    with a_storehouse(databases) as storehouse:
        first = register(web_application(storehouse).test_client(), "k")
    with a_storehouse(databases) as storehouse:
        again = register(web_application(storehouse).test_client(), "k")

    assert (again.status_code, again.data) == (201, first.data)


def test_of_concurrent_repetitions_one_is_executed(storehouse: RunningServices) -> None:
    app = web_application(storehouse)

    def send(_: int) -> TestResponse:
        return register(app.test_client(), "k")

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(send, range(32)))

    assert {answer.status_code for answer in answers} == {201}
    assert events(storehouse) == 1


@pytest.mark.parametrize("keep_hours", [1, 24])
def test_a_key_is_deleted_after_the_configured_hours(
    client: FlaskClient, storehouse: RunningServices, keep_hours: int
) -> None:
    register(client, "k")
    (database,) = storehouse.context("catalog").databases

    def forgotten_after(hours: float) -> int:
        now = system_clock() + timedelta(hours=hours)
        return ForgetIdempotencyKeys(
            "catalog", database, lambda: now, keep_hours=keep_hours
        ).step()

    assert forgotten_after(keep_hours - 0.5) == 0
    assert forgotten_after(keep_hours + 0.5) == 1


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256, "\t"])
def test_an_invalid_key_is_refused(client: FlaskClient, key: str) -> None:
    response = register(client, key)

    assert response.status_code == 400
    assert response.get_json()["errors"][0]["parameter"] == "Idempotency-Key"
