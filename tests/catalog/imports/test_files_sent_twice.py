"""A file that is sent again with the same `Idempotency-Key` is one import."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared_kernel.web import idempotency
from tests.queues import work_off
from tests.web_clients import Shop, a_shop, problem

IMPORTS = "/products/imports"
KEY = {"Idempotency-Key": "mine"}
LAMPS = b"sku,name\nLAMP-0001,Desk lamp\nLAMP-0002,Floor lamp\n"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


@pytest.fixture
def client(shop: Shop) -> FlaskClient:
    return shop.client


def send(client: FlaskClient, content: bytes = LAMPS, kind: str = "text/csv") -> Any:
    return client.post(IMPORTS, data=content, content_type=kind, headers=KEY)


def as_form(client: FlaskClient, content: bytes = LAMPS) -> TestResponse:
    file = {"file": (io.BytesIO(content), "lamps.csv")}
    return client.post(IMPORTS, data=file, headers=KEY)


@pytest.mark.parametrize("again", [send, as_form])
def test_the_same_file_is_the_same_import(
    shop: Shop, client: FlaskClient, again: Any
) -> None:
    """In a form, too: its boundary is another one each time."""
    first = as_form(client)
    work_off(shop.storehouse)

    repeated = again(client)

    assert (first.status_code, repeated.status_code) == (202, 202)
    assert repeated.headers["Location"] == first.headers["Location"]
    assert repeated.get_json()["state"] == "done"
    assert len(client.get(IMPORTS).get_json()) == 1


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (LAMPS + b"LAMP-0003,Lamp\n", "text/csv"),
        (LAMPS, "application/x-ndjson"),
    ],
)
def test_another_file_under_the_same_key_is_refused(
    client: FlaskClient, content: bytes, kind: str
) -> None:
    send(client)

    refused = send(client, content, kind)

    problem(refused, 422, "idempotency-key-reused")
    assert len(client.get(IMPORTS).get_json()) == 1


def test_the_same_file_read_in_another_way_is_refused(client: FlaskClient) -> None:
    send(client)

    refused = client.post(
        f"{IMPORTS}?delimiter=,", data=LAMPS, content_type="text/csv", headers=KEY
    )

    problem(refused, 422, "idempotency-key-reused")


def test_a_file_under_the_key_of_another_request_is_refused(
    client: FlaskClient,
) -> None:
    lamp = {"name": "Lamp", "sku": "LAMP-1", "stock_count": 1}
    client.post("/products", json=lamp, headers=KEY)

    problem(send(client), 422, "idempotency-key-reused")


def test_a_file_that_was_refused_can_be_corrected_under_the_same_key(
    client: FlaskClient,
) -> None:
    problem(send(client, b"sku,nme\n"), 422, "unusable-file")

    assert send(client).status_code == 202


def test_of_two_at_the_same_time_one_is_kept(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one has looked for the key before the first one commits."""
    find, answers = idempotency.find, []

    def find_slowly(*asked: Any) -> Any:
        found = find(*asked)
        monkeypatch.undo()
        answers.append(send(client))
        return found

    monkeypatch.setattr(idempotency, "find", find_slowly)
    answers.append(send(client))

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert len(client.get(IMPORTS).get_json()) == 1
