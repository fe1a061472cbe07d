"""What a test client cannot send: chunked bodies, and invalid requests."""

import json
import socket
from collections.abc import Iterable, Iterator
from urllib.parse import quote

import httpx
import pytest

from shared_kernel.web.bodies import MAX_BODY_BYTES
from tests.benchmarks.servers import storehouse
from tests.web_clients import a_product

pytestmark = pytest.mark.server

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with storehouse() as listening:
        yield listening


@pytest.fixture
def client(port: int) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as opened:
        yield opened


def in_chunks(body: bytes, size: int = 64 * 1024) -> Iterable[bytes]:
    for begin in range(0, len(body), size):
        yield body[begin : begin + size]


def a_body(sku: str, length: int = 0) -> bytes:
    return json.dumps(a_product(sku=sku)).encode().ljust(length)


@pytest.mark.parametrize("excess", [1, MAX_BODY_BYTES, 20 * MAX_BODY_BYTES])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_one_mebibyte_is_refused_however_it_is_sent(
    client: httpx.Client, excess: int, chunked: bool
) -> None:
    body = a_body("LARGE-1", MAX_BODY_BYTES + excess)

    response = client.post(
        "/products", content=in_chunks(body) if chunked else body, headers=JSON
    )

    assert response.status_code == 413
    assert response.json()["type"] == "/problems/body-too-large"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_one_mebibyte_is_read_however_it_is_sent(
    client: httpx.Client, chunked: bool
) -> None:
    body = a_body(f"LARGEST-{chunked}", MAX_BODY_BYTES)

    response = client.post(
        "/products", content=in_chunks(body) if chunked else body, headers=JSON
    )

    assert response.status_code == 201


@pytest.mark.parametrize("name", ["AB/12-X", "1;2 Oaktree", "#7?b=5%&", "ÄPFEL-1"])
def test_a_name_of_others_comes_through_paths_and_queries(
    client: httpx.Client, name: str
) -> None:
    sent = client.post("/products", content=a_body(name), headers=JSON)
    token = {"Consistency-Token": sent.headers["Consistency-Token"]}
    encoded = quote(name, safe="")
    held = client.put(
        f"/stock/{encoded}/reservations/{encoded}",
        content=b'{"quantity":2}',
        headers=JSON | token,
    )

    assert sent.headers["Location"] == f"/products/{encoded}"
    assert held.status_code == 200, held.text
    for path in (sent.headers["Location"], f"/products/{quote(name)}"):
        assert client.get(path, headers=token).json()["code"] == name
    assert client.get("/stock", params={"id": name}).json() == {"quantity": 3}
    assert client.get(f"/stock/{encoded}").json()["sku"] == name
    shipped = client.post(f"/stock/{encoded}/reservations/{encoded}/shipment")
    assert (shipped.status_code, shipped.json()["on_hand"]) == (200, 3)
    moved = client.get(
        f"/stock/{encoded}/movements?limit=1",
        headers={"Consistency-Token": shipped.headers["Consistency-Token"]},
    )
    assert moved.json()[0]["order"] == name
    assert client.get(moved.links["next"]["url"]).json()[0]["order"] == name


def test_a_refused_body_leaves_the_connection_usable(client: httpx.Client) -> None:
    for number in range(3):
        too_large = b" " * (MAX_BODY_BYTES + 1)
        assert client.post("/products", content=too_large, headers=JSON).is_error
        fitting = a_body(f"AFTER-{number}")
        assert client.post("/products", content=fitting, headers=JSON).is_success


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"GARBAGE\r\n\r\n", id="no request line"),
        pytest.param(b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", id="no such HTTP"),
        pytest.param(b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", id="a null byte"),
        pytest.param(
            b"POST /products HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
            id="no length",
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 10**6 + b"\r\n\r\n",
            id="a huge header",
        ),
    ],
)
def test_an_invalid_request_does_not_harm_the_server(
    client: httpx.Client, port: int, sent: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        try:
            connection.sendall(sent)
            answer = connection.recv(1000)
        except OSError:
            answer = b""

    assert b" 500 " not in answer
    assert b"Traceback" not in answer
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/products/%00", "/%2e%2e/etc", "/products//"])
def test_odd_paths_are_not_found(client: httpx.Client, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
