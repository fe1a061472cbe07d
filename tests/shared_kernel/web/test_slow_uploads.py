"""Files that arrive slowly, not at all, or too many at a time."""

import socket
import time
from collections.abc import Iterator

import pytest

from tests.cluster import wait_until
from tests.shared_kernel.web.slow_clients import (
    DEADLINE_S,
    SOON_S,
    Server,
    a_server,
    all_that_comes,
)

pytestmark = [pytest.mark.server, pytest.mark.slow]

BODY_TIMEOUT_S = 1
ROWS = [b"sku,name\n", *(b"LAMP-%d,Lamp\n" % n for n in range(4))]
HEADERS = (
    b"POST /products/imports HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: text/csv\r\nContent-Length: %d\r\n\r\n" % len(b"".join(ROWS))
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("slow")
    with a_server(folder, BODY_TIMEOUT_S, IMPORTS_AT_ONCE="1") as started:
        yield started


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), DEADLINE_S)


def send_slowly(client: socket.socket) -> bytes:
    """Each part in time, and all of them far too late."""
    client.sendall(HEADERS)
    for row in ROWS:
        client.settimeout(BODY_TIMEOUT_S / 2)
        try:
            return client.recv(1000)
        except TimeoutError:
            client.sendall(row)
    client.settimeout(DEADLINE_S)
    return client.recv(1000)


def test_one_that_gets_on_is_accepted_however_long_it_takes(server: Server) -> None:
    with connected(server) as client:
        begun = time.monotonic()
        answer = send_slowly(client)

    assert answer.startswith(b"HTTP/1.1 202 ")
    assert time.monotonic() - begun > 2 * BODY_TIMEOUT_S


def test_one_that_stalls_is_refused_and_nothing_of_it_is_kept(server: Server) -> None:
    before = server.get("/products/imports").json()
    with connected(server) as client:
        client.sendall(HEADERS + b"".join(ROWS)[:-1])
        begun = time.monotonic()
        answer = all_that_comes(client)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - begun < BODY_TIMEOUT_S + SOON_S
    assert server.get("/products/imports").json() == before


def test_one_too_many_is_told_when_to_come_again(server: Server) -> None:
    with connected(server) as first, connected(server) as second:
        first.sendall(HEADERS)
        # The server has it once a later request is answered.
        assert server.get("/healthz").status_code == 200
        second.sendall(HEADERS)
        refused = all_that_comes(second)
        first.sendall(b"".join(ROWS))
        accepted = first.recv(1000)

    def is_accepted_again() -> bool:
        with connected(server) as third:
            third.sendall(HEADERS + b"".join(ROWS))
            return third.recv(1000).startswith(b"HTTP/1.1 202 ")

    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 5\r\n" in refused
    assert b"/problems/too-many-files" in refused
    assert accepted.startswith(b"HTTP/1.1 202 ")
    # The answer is there a moment before the room is.
    wait_until(is_accepted_again, "room for another file")
