"""`POST /products/imports` of files as people export them."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared_kernel.runtime.running import RunningServices
from shared_kernel.serving.application import web_application
from tests.catalog.listings import listed
from tests.queues import work_off
from tests.storehouses import a_storehouse

IMPORTS = "/products/imports"


@pytest.fixture
def storehouse(tmp_path: Path) -> Iterator[RunningServices]:
    with a_storehouse(tmp_path) as storehouse:
        yield storehouse


@pytest.fixture
def client(storehouse: RunningServices) -> FlaskClient:
    return web_application(storehouse).test_client()


def send(client: FlaskClient, content: bytes, **query: str) -> TestResponse:
    return client.post(
        IMPORTS, data=content, content_type="text/csv", query_string=query
    )


def outcome(
    storehouse: RunningServices, client: FlaskClient, sent: TestResponse
) -> tuple[int, int, str]:
    """How many were registered and refused, and the file of refused rows."""
    assert sent.status_code == 202, sent.get_json()
    work_off(storehouse)
    shown = client.get(sent.headers["Location"]).get_json()
    refused = client.get(f"{shown['refusals']}.csv").text
    return shown["registered"], shown["refused"], refused


def test_the_query_says_how_the_file_is_read(
    storehouse: RunningServices, client: FlaskClient
) -> None:
    content = "Artikel/Bezeichnung\nL-1/Café-Tisch\n".encode("cp1252")

    sent = send(
        client,
        content,
        delimiter="/",
        encoding="cp1252",
        map="Artikel=sku;Bezeichnung=name",
    )

    assert outcome(storehouse, client, sent)[:2] == (1, 0)
    storehouse.workers.run_until_idle()
    assert [each["name"] for each in listed(storehouse)] == ["Café-Tisch"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"delimiter": "ab"}, "expected one character"),
        ({"encoding": "latin-99"}, "the encoding is 'latin-99'"),
        ({"encoding": "zip"}, "the encoding is 'zip'"),
        ({"encoding": "a\0b"}, "the encoding is"),
        ({"map": "Artikel"}, "expected 'their column=our column'"),
        ({"separator": ";"}, "separator"),
    ],
)
def test_a_query_that_says_nothing_is_refused(
    client: FlaskClient, query: dict[str, str], said: str
) -> None:
    response = send(client, b"sku,name\nL-1,Lamp\n", **query)

    assert response.status_code in (400, 422)
    assert said in response.get_json()["detail"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"sku,name\nL-1,Caf\xe9\n", "line 2 is not UTF-8 (byte 0xe9)"),
        (gzip.compress(b"sku,name\n", mtime=0), "unpack it first"),
        (b"PK\x03\x04" + bytes(40), "a workbook"),
        (b"a,b\n1,2\n", "--map 'its name=sku'"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_as_a_whole(
    client: FlaskClient, content: bytes, said: str
) -> None:
    response = send(client, content)

    assert response.status_code == 422
    assert said in response.get_json()["detail"]
    assert client.get(IMPORTS).get_json() == []


def test_damaged_rows_keep_their_text_and_change_nothing_until_they_are_mended(
    storehouse: RunningServices, client: FlaskClient
) -> None:
    content = b"sku,name\nA,\"15 inch\nB,Lamp, brass\n'0018,Desk\nC,Chair\n"

    registered, refused, text = outcome(storehouse, client, send(client, content))
    assert (registered, refused) == (1, 3)
    assert text.startswith('sku,name,reason\r\n"A,""15 inch",')
    assert "\r\nB,Lamp, brass," in text

    again = outcome(storehouse, client, send(client, text.encode()))
    assert again == (0, 3, text)

    mended = text.replace("B,Lamp, brass", 'B,"Lamp, brass"')
    assert outcome(storehouse, client, send(client, mended.encode()))[:2] == (1, 2)
