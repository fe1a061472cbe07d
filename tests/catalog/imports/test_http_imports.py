"""`/products/imports`: files of products, and one product that can wait."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared_kernel.runtime.running import RunningServices
from shared_kernel.serving.application import web_application
from tests.queues import work_off
from tests.storehouses import SUPERSTORE, a_storehouse

IMPORTS = "/products/imports"
LAMP = {"name": "Desk lamp", "sku": "LAMP-0001", "stock_count": 5}
TWO_LAMPS = b"sku,name\nLAMP-0001,Desk lamp\nLAMP-0002,Floor lamp\n"
LATER = {"Prefer": "respond-async"}


@pytest.fixture
def storehouse(tmp_path: Path) -> Iterator[RunningServices]:
    with a_storehouse(tmp_path) as storehouse:
        yield storehouse


@pytest.fixture
def client(storehouse: RunningServices) -> FlaskClient:
    return web_application(storehouse).test_client()


def send(client: FlaskClient, content: bytes, kind: str = "text/csv") -> TestResponse:
    return client.post(IMPORTS, data=content, content_type=kind)


def as_form(client: FlaskClient, content: bytes, name: str) -> TestResponse:
    return client.post(IMPORTS, data={"file": (io.BytesIO(content), name)})


def at(client: FlaskClient, response: TestResponse) -> Any:
    """What the answer's Location shows."""
    return client.get(response.headers["Location"]).get_json()


def test_a_file_is_accepted_and_watched(
    client: FlaskClient, storehouse: RunningServices
) -> None:
    content = (SUPERSTORE / "products.csv").read_bytes()

    response = as_form(client, content, "products.csv")

    assert response.status_code == 202
    before = at(client, response)
    assert (before["state"], before["rows"], before["ended"]) == ("waiting", 1894, None)
    assert before["seconds_left"] is None
    work_off(storehouse)
    after = at(client, response)
    assert (after["state"], after["file"]) == ("done", "products.csv")
    assert (after["registered"], after["skipped"], after["refused"]) == (1862, 0, 32)
    assert after["rows_per_second"] > 0
    assert after["seconds_left"] == 0
    assert [each["id"] for each in client.get(IMPORTS).get_json()] == [after["id"]]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (TWO_LAMPS, "text/csv"),
        (TWO_LAMPS, "text/csv; charset=UTF-8"),
        (b'{"sku":"L-1","name":"a"}\n{"sku":"L-2","name":"b"}', "application/x-ndjson"),
        (b'{"sku":"L-1","name":"a"}\n{"sku":"L-2","name":"b"}', "application/jsonl"),
    ],
)
def test_a_file_may_be_the_body_itself(
    client: FlaskClient, storehouse: RunningServices, content: bytes, kind: str
) -> None:
    response = send(client, content, kind)
    work_off(storehouse)

    assert at(client, response)["registered"] == 2


def test_counts_of_known_products_are_told(
    storehouse: RunningServices, client: FlaskClient
) -> None:
    content = b"sku,name,stock_count\nLAMP-1,Lamp,5\n"
    sent = [send(client, content) for _ in range(2)]
    work_off(storehouse)
    first, again = (at(client, each) for each in sent)

    assert (first["remarks"], again["skipped"]) == ([], 1)
    assert "stock_count is not used" in again["remarks"][0]


def test_refusals_are_paged_and_can_be_corrected_and_sent_again(
    client: FlaskClient, storehouse: RunningServices
) -> None:
    rows = "".join(f"LAMP-{n},,{n}\n" for n in range(5))
    response = send(client, f"sku,name,stock_count\n{rows}".encode())
    work_off(storehouse)
    shown = at(client, response)

    page = client.get(shown["refusals"], query_string={"limit": 3})
    following = client.get(page.headers["Link"].split(">")[0].removeprefix("<"))

    assert [each["row"] for each in page.get_json()] == [2, 3, 4]
    assert [each["sku"] for each in following.get_json()] == ["LAMP-3", "LAMP-4"]
    assert page.get_json()[0]["reason"].startswith("name is '', expected")
    csv = client.get(shown["refusals"] + ".csv")
    assert csv.content_type == "text/csv; charset=utf-8"
    assert csv.text.splitlines()[0] == "sku,name,stock_count,reason"
    again = send(client, csv.data.replace(b",,", b",Lamp,"))
    work_off(storehouse)
    assert at(client, again)["registered"] == 5


def test_an_import_can_be_cancelled_until_it_is_done(
    client: FlaskClient, storehouse: RunningServices
) -> None:
    waiting, done = send(client, TWO_LAMPS), send(client, b"sku,name\n")

    cancelled = client.delete(waiting.headers["Location"])
    work_off(storehouse)

    assert (cancelled.status_code, cancelled.get_json()["state"]) == (200, "cancelled")
    assert at(client, waiting)["registered"] == 0
    assert client.delete(waiting.headers["Location"]).status_code == 200
    refused = client.delete(done.headers["Location"])
    assert (refused.status_code, refused.get_json()["type"]) == (
        409,
        "/problems/import-has-ended",
    )


@pytest.mark.parametrize(
    ("content", "kind", "status", "problem", "said"),
    [
        (b"sku,nme\n", "text/csv", 422, "unusable-file", "no column name"),
        (b"\xff", "text/csv", 422, "unusable-file", "line 1 is not UTF-8"),
        (b"", "text/csv", 422, "unusable-file", "no column sku, name"),
        (TWO_LAMPS, "text/plain", 415, "unsupported-media-type", "text/csv"),
        (TWO_LAMPS, "text/csv; charset=latin1", 415, "unsupported-media-type", ""),
        (b"", "", 415, "unsupported-media-type", "expected one of text/csv"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    client: FlaskClient,
    content: bytes,
    kind: str,
    status: int,
    problem: str,
    said: str,
) -> None:
    response = send(client, content, kind)

    assert response.status_code == status
    assert response.get_json()["type"] == f"/problems/{problem}"
    assert said in response.get_json()["detail"]
    assert client.get(IMPORTS).get_json() == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "file: expected one part of this name"),
        ({"file": "sku,name"}, "file: no such part"),
        ({"lamps": (io.BytesIO(TWO_LAMPS), "a.csv")}, "lamps: no such part"),
        ({"file": (io.BytesIO(TWO_LAMPS), "a.xlsx")}, "a name that ends in .csv"),
    ],
)
def test_a_form_has_one_file(
    client: FlaskClient, data: dict[str, Any], said: str
) -> None:
    response = client.post(IMPORTS, data=data, content_type="multipart/form-data")

    assert response.status_code == 422
    assert said in response.get_json()["detail"]


def test_an_unknown_import_is_not_found(client: FlaskClient) -> None:
    for path in ("", "/refusals", "/refusals.csv"):
        response = client.get(f"{IMPORTS}/nothing{path}")
        assert response.get_json()["type"] == "/problems/unknown-import"
    assert client.delete(f"{IMPORTS}/nothing").status_code == 404


def test_one_product_can_be_registered_later(
    client: FlaskClient, storehouse: RunningServices
) -> None:
    response = client.post("/products", json=LAMP, headers=LATER)

    assert response.status_code == 202
    assert response.headers["Preference-Applied"] == "respond-async"
    assert response.get_json() == at(client, response)
    assert storehouse.context("catalog").log.head() == 0
    work_off(storehouse)
    assert at(client, response)["registered"] == 1
    assert storehouse.context("catalog").log.head() == 1


def test_what_no_product_can_be_is_refused_at_once(client: FlaskClient) -> None:
    response = client.post("/products", json=LAMP | {"name": " "}, headers=LATER)

    assert response.status_code == 422


def test_with_a_key_it_is_stored_once(
    client: FlaskClient, storehouse: RunningServices
) -> None:
    key = {"Idempotency-Key": "mine"}

    one, two = (
        client.post("/products", json=LAMP, headers=LATER | key) for _ in range(2)
    )

    assert one.headers["Location"] == two.headers["Location"]
    assert storehouse.queues[0].queue.depth().waiting == 1
