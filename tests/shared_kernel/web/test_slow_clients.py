"""Clients that send slowly or incompletely affect no other client.

With raw sockets, and fewer threads than there are such clients.
"""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_kernel.serving.server import GRACE_SECONDS
from tests.shared_kernel.web.slow_clients import (
    DEADLINE_S,
    SOON_S,
    Server,
    a_server,
    all_that_comes,
)
from tests.web_clients import a_product

pytestmark = pytest.mark.server

BODY_TIMEOUT_S = 1


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with a_server(tmp_path_factory.mktemp("slow"), BODY_TIMEOUT_S) as started:
        yield started


def a_post(sku: str) -> tuple[bytes, bytes]:
    """The headers, and the body."""
    body = json.dumps(a_product(sku=sku)).encode()
    headers = (
        "POST /products HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return headers.encode(), body


def test_bodies_that_never_arrive_delay_no_other_client(tmp_path: Path) -> None:
    headers, body = a_post("NEVER")
    with (
        a_server(tmp_path, body_timeout_s=600) as server,
        server.clients_that_send(headers + body[:1]),
    ):
        assert server.get("/healthz").status_code == 200
        assert server.get("/readyz").status_code == 200
        assert server.register("MEANWHILE").status_code == 201
        assert server.get("/products").status_code == 200


def test_a_body_that_never_arrives_is_refused_and_its_connection_closed(
    server: Server,
) -> None:
    headers, body = a_post("NEVER")
    with server.clients_that_send(headers + body[:-1]) as clients:
        sent = time.monotonic()
        answers = [all_that_comes(client) for client in clients]
        waited_s = time.monotonic() - sent

    assert waited_s < BODY_TIMEOUT_S + SOON_S
    for answer in answers:
        head, _, document = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 ")
        assert b"\r\ncontent-type: application/problem+json\r\n" in head
        assert b"\r\nx-content-type-options: nosniff\r\n" in head
        assert json.loads(document)["type"] == "/problems/request-timeout"
    assert b"NEVER" not in server.get("/events/catalog?limit=1000").content


@pytest.mark.parametrize(
    "framing", ["Content-Length: 500", "Transfer-Encoding: chunked"]
)
def test_a_body_sent_byte_by_byte_gets_no_more_time(
    server: Server, framing: str
) -> None:
    headers = f"POST /products HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n"
    with server.clients_that_send(headers.encode(), clients=1) as (client,):
        begun = time.monotonic()
        client.settimeout(0.05)
        answer = b""
        while not answer and time.monotonic() < begun + DEADLINE_S:
            client.sendall(b"1\r\n \r\n")
            try:
                answer = client.recv(1000)
            except TimeoutError:
                continue

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - begun < BODY_TIMEOUT_S + SOON_S


def test_a_body_sent_in_pieces_but_in_time_is_accepted(server: Server) -> None:
    headers, body = a_post("IN-PIECES")
    with server.clients_that_send(headers, clients=1) as (client,):
        for begin in range(0, len(body), 10):
            client.sendall(body[begin : begin + 10])
            # A piece has arrived once a later request is answered.
            assert server.get("/healthz").status_code == 200

        assert client.recv(1000).startswith(b"HTTP/1.1 201 ")


@pytest.mark.parametrize(
    ("sent", "clients"),
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: loc", 300, id="half of the headers"),
        pytest.param(
            b"GET /events/catalog?wait=30&after=99 HTTP/1.1\r\nHost: localhost\r\n\r\n",
            100,
            id="long polls",
        ),
    ],
)
def test_other_slow_clients_delay_no_one(
    server: Server, sent: bytes, clients: int
) -> None:
    with server.clients_that_send(sent, clients):
        assert server.get("/healthz").status_code == 200
        assert server.get("/products").status_code == 200


@pytest.mark.parametrize("path", ["/products", "/events/inventory"])
def test_two_hundred_requests_for_a_distant_position_delay_no_other_client(
    server: Server, path: str
) -> None:
    read = (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        "Consistency-Token: catalog:999999\r\n\r\n"
    )
    with server.clients_that_send(read.encode(), 200) as clients:
        assert server.get("/healthz").status_code == 200
        answers = [all_that_comes(client) for client in clients]

    assert {answer[:13] for answer in answers} == {b"HTTP/1.1 400 "}
    assert all(b"/problems/unknown-position" in answer for answer in answers)


def test_half_requests_do_not_delay_a_stop(tmp_path: Path) -> None:
    headers, body = a_post("NEVER")
    with (
        a_server(tmp_path, body_timeout_s=600) as server,
        server.clients_that_send(headers[:30], clients=5),
        server.clients_that_send(headers + body[:1], clients=5),
    ):
        assert server.get("/healthz").status_code == 200
        asked = time.monotonic()

        server.process.send_signal(signal.SIGTERM)

        assert server.process.wait(DEADLINE_S) == 0
        # 0.5 s on an idle machine; what is waited for takes all of the grace.
        assert time.monotonic() - asked < GRACE_SECONDS / 2
