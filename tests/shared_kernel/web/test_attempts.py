"""Attempts: how often, how long, and by which request."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from shared_kernel.events.consistency import ReadModelBehindError
from shared_kernel.events.unit_of_work import current_traceparent
from shared_kernel.web.feeds_of_peers import HttpEventFeed
from shared_kernel.web.peers import (
    FAILURES_UNTIL_OPEN,
    Peer,
    PeerUnavailableError,
)
from tests.contract.bus_bench import until
from tests.peer_server import JSON, PeerServer

pytestmark = pytest.mark.server

TIMEOUT_S = 0.2
OTHER_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
BEHIND = (
    b'{"type":"/problems/read-model-behind","source":"catalog","wanted":9,"reached":4}'
)


@pytest.fixture
def server() -> Iterator[PeerServer]:
    server = PeerServer()
    with server.running():
        yield server


@pytest.fixture
def peer(server: PeerServer) -> Iterator[Peer]:
    peer = Peer("inventory", server.url, timeout_s=TIMEOUT_S)
    yield peer
    peer.close()


def fail(peer: Peer, times: int = 1, attempts: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(PeerUnavailableError):
            peer.get("/healthz", attempts=attempts)


def test_a_peer_that_fails_twice_is_asked_a_third_time(
    peer: Peer, server: PeerServer
) -> None:
    busy = (503, b"", {"Retry-After": "1"})
    server.answers = [busy, busy, *server.answers]

    assert peer.get("/healthz").status == 200
    assert len(server.asked) == 3


def test_a_peer_that_keeps_failing_is_asked_three_times(
    peer: Peer, server: PeerServer
) -> None:
    server.answer(b"", 500)

    with pytest.raises(PeerUnavailableError) as raised:
        peer.get("/healthz")

    assert raised.value.reason == "status 500"
    assert len(server.asked) == 3


def test_a_peer_that_is_behind_is_not_asked_again(
    peer: Peer, server: PeerServer
) -> None:
    server.answer(BEHIND, 503)

    for _ in range(FAILURES_UNTIL_OPEN + 1):
        with pytest.raises(ReadModelBehindError):
            peer.get("/products")

    assert len(server.asked) == FAILURES_UNTIL_OPEN + 1


def test_attempts_end_after_twice_the_timeout(peer: Peer, server: PeerServer) -> None:
    server.slow, begun = threading.Event(), time.monotonic()

    with pytest.raises(PeerUnavailableError) as raised:
        peer.get("/healthz")

    took_s = time.monotonic() - begun
    server.slow.set()
    assert 1.5 * TIMEOUT_S < took_s < 2 * TIMEOUT_S + 0.3
    assert raised.value.reason == "it takes too long"


def test_a_long_poll_is_not_retried(peer: Peer, server: PeerServer) -> None:
    server.answer(b"", 502)

    with pytest.raises(PeerUnavailableError):
        HttpEventFeed(peer, "inventory").wait_for_events(0, 1, 0)

    assert len(server.asked) == 1


def test_a_single_request_tests_whether_the_peer_is_back(
    peer: Peer, server: PeerServer
) -> None:
    server.answer(b"", 500)
    fail(peer, FAILURES_UNTIL_OPEN)
    asked = len(server.asked)
    fail(peer)
    assert len(server.asked) == asked
    server.slow = threading.Event()
    server.answer(b"{}")

    with ThreadPoolExecutor(max_workers=1) as threads:
        tried = threads.submit(_until_tried, peer)
        until(lambda: len(server.asked) > asked, "the trial")
        fail(peer, 3)
        server.slow.set()
        tried.result(timeout=10)

    assert len(server.asked) == asked + 1
    assert peer.get("/healthz").status == 200


def _until_tried(peer: Peer) -> None:
    """After the breaker's second one request is let through."""

    def answered() -> bool:
        try:
            return peer.get("/healthz", wait_s=10, attempts=1).status == 200
        except PeerUnavailableError:
            return False

    until(answered, "an answer")


def test_a_closed_peer_makes_no_further_attempt(peer: Peer, server: PeerServer) -> None:
    server.answer(b"", 502)
    peer.close()

    fail(peer, attempts=3)

    assert len(server.asked) == 1
    peer.close()


def test_requests_have_user_agent_accept_and_token(
    peer: Peer, server: PeerServer
) -> None:
    peer.get("/healthz", {"Consistency-Token": "catalog:1"})

    (headers,) = server.headers
    assert headers["User-Agent"] == "storehouse"
    assert JSON in headers["Accept"]
    assert headers["Consistency-Token"] == "catalog:1"
    assert "traceparent" not in headers


def test_a_request_passes_its_trace_on(peer: Peer, server: PeerServer) -> None:
    app = Flask("shop")

    with app.test_request_context(headers={"traceparent": TRACE}):
        peer.get("/healthz")
        current_traceparent.set(OTHER_TRACE)
        peer.get("/healthz")
        current_traceparent.set(None)

    sent = [headers["traceparent"] for headers in server.headers]
    assert sent == [TRACE, OTHER_TRACE]


def test_a_redirection_is_not_followed(peer: Peer, server: PeerServer) -> None:
    server.answer(b"", 302, Location="/elsewhere")

    assert peer.get("/healthz").status == 302
    assert server.asked == ["/healthz"]


def test_connections_are_kept(peer: Peer, server: PeerServer) -> None:
    for _ in range(5):
        peer.get("/healthz")

    (pool,) = peer._attempts._connections._pool.pools._container.values()
    assert (pool.num_connections, pool.num_requests) == (1, 5)


def test_a_peer_that_was_restarted_is_asked_over_a_new_connection() -> None:
    server = PeerServer()
    with server.running():
        peer = Peer("inventory", server.url, timeout_s=TIMEOUT_S)
        peer.get("/healthz")
    with server.running():
        assert peer.get("/healthz").status == 200
    peer.close()


def test_a_settled_position_is_not_asked_for_again(
    peer: Peer, server: PeerServer
) -> None:
    feed = HttpEventFeed(peer, "inventory")
    server.answer(b"[]", Consistency_Token="catalog:9,inventory:7")
    feed.wait_for_events(7, 1, 0)
    server.answer(b"[]", Consistency_Token="catalog:9,inventory:8")
    feed.head()
    server.answer(b"[]", Consistency_Token="catalog:12,inventory:20")
    asked = len(server.asked)

    assert [feed.settled("catalog", position, 1) for position in (3, 9)] == [7, 7]
    assert len(server.asked) == asked
    assert feed.settled("catalog", 10, 1) == 20
    assert len(server.asked) == asked + 1
