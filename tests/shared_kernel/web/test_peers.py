"""Another process may be slow, unreachable or a wrong one: all are distinguished."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from shared_kernel.events.cloud_events import to_batch
from shared_kernel.events.consistency import (
    Behind,
    ReadModelBehindError,
    UnknownPositionError,
)
from shared_kernel.storage.errors import is_fault
from shared_kernel.web.feeds_of_peers import HttpEventFeed
from shared_kernel.web.peers import (
    FAILURES_UNTIL_OPEN,
    Peer,
    PeerError,
    PeerUnavailableError,
    StrangePeerError,
)
from shared_kernel.web.tracing import within
from tests.peer_server import JSON, PeerServer
from tests.shared_kernel.events.builders import an_envelope

pytestmark = pytest.mark.server

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TIMEOUT_S = 0.2
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


def nobody() -> str:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_a_peer_that_fails_for_a_moment_is_asked_again(
    peer: Peer, server: PeerServer
) -> None:
    good = server.answers[0]
    server.answers = [(502, b"", {}), (504, b"", {}), good]

    assert peer.get("/healthz").status == 200
    assert len(server.asked) == 3


def test_an_unreachable_peer_is_given_up_soon_and_named() -> None:
    url, begun = nobody(), time.monotonic()
    peer = Peer("inventory", url, timeout_s=TIMEOUT_S)

    with pytest.raises(PeerUnavailableError) as raised:
        peer.get("/healthz")

    assert time.monotonic() - begun < 2
    assert str(raised.value) == (
        f"inventory does not answer at {url}: connection refused"
    )
    assert raised.value.peer == "inventory"
    assert is_fault(raised.value)


def test_a_peer_that_is_slow_is_given_up(peer: Peer, server: PeerServer) -> None:
    server.slow, begun = threading.Event(), time.monotonic()

    with pytest.raises(PeerUnavailableError, match="inventory does not answer"):
        peer.get("/healthz")

    server.slow.set()
    assert time.monotonic() - begun < 6 * TIMEOUT_S + 1


def test_a_peer_that_was_asked_to_wait_is_given_the_time(
    peer: Peer, server: PeerServer
) -> None:
    server.slow = threading.Event()
    threading.Timer(2 * TIMEOUT_S, server.slow.set).start()

    assert peer.get("/events/inventory?wait=5", wait_s=5).status == 200


def test_an_open_breaker_fails_at_once_and_closes_when_the_peer_is_back() -> None:
    server = PeerServer()
    with server.running():
        pass
    peer = Peer("inventory", server.url, timeout_s=TIMEOUT_S)
    for _ in range(FAILURES_UNTIL_OPEN):
        with pytest.raises(PeerUnavailableError):
            peer.get("/healthz")

    begun = time.monotonic()
    with pytest.raises(PeerUnavailableError, match="connection refused"):
        peer.get("/healthz")
    assert time.monotonic() - begun < 0.02

    with server.running():
        deadline, pause = begun + 5, threading.Event()
        while True:
            try:
                assert peer.get("/healthz").status == 200
                break
            except PeerUnavailableError:
                assert time.monotonic() < deadline
                pause.wait(0.05)
        peer.close()


def test_the_trace_is_sent(peer: Peer, server: PeerServer) -> None:
    with within(TRACE):
        peer.get("/healthz")

    assert server.headers[0]["traceparent"] == TRACE


def test_a_peer_that_runs_the_service_is_accepted(
    peer: Peer, server: PeerServer
) -> None:
    server.answer(b'{"status":"alive","services":["catalog-queries","inventory"]}')

    peer.expect("inventory")


@pytest.mark.parametrize(
    ("body", "kind", "found"),
    [
        (b"<html>", "text/html", "answers GET /healthz with 200 text/html"),
        (b"{}", JSON, f"answers GET /healthz with 200 {JSON}"),
        (b'{"services":["catalog-queries"]}', JSON, "runs catalog-queries"),
    ],
)
def test_another_server_at_the_address_is_reported_with_the_fix(
    peer: Peer, server: PeerServer, body: bytes, kind: str, found: str
) -> None:
    server.answer(body, kind=kind)

    with pytest.raises(StrangePeerError) as raised:
        peer.expect("inventory")

    assert str(raised.value) == (
        f"INVENTORY_URL is {server.url}, which {found}: "
        "expected a Storehouse process that runs inventory"
    )


def test_a_peer_that_is_not_there_yet_is_only_logged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Peer("inventory", nobody(), timeout_s=TIMEOUT_S).expect("inventory")

    assert "peer does not answer yet" in capsys.readouterr().out


def test_a_feed_reads_what_the_other_process_recorded(
    peer: Peer, server: PeerServer
) -> None:
    events = [an_envelope(position, source="inventory") for position in (3, 4)]
    server.answer(to_batch(events), Consistency_Token="catalog:9,inventory:7")
    feed = HttpEventFeed(peer, "inventory")

    assert feed.read(2, 5000) == events
    assert feed.head() == 7
    assert feed.wait_for_events(2, 10, 1) == (events, 7)
    assert server.asked == [
        "/events/inventory?after=2&limit=1000&version=newest",
        "/events/inventory?limit=0&version=newest",
        "/events/inventory?after=2&limit=10&wait=1&version=newest",
    ]


def test_a_feed_returns_the_position_that_reflects_another_log(
    peer: Peer, server: PeerServer
) -> None:
    server.answer(b"[]", Consistency_Token="catalog:9,inventory:7")

    assert HttpEventFeed(peer, "inventory").settled("catalog", 9, timeout_s=1) == 7
    assert server.headers[0]["Consistency-Token"] == "catalog:9"


def test_a_feed_that_does_not_settle_in_time_raises_its_position(
    peer: Peer, server: PeerServer
) -> None:
    server.answer(BEHIND, 503)

    with pytest.raises(ReadModelBehindError) as raised:
        HttpEventFeed(peer, "inventory").settled("catalog", 9, timeout_s=1)

    assert raised.value.behind == Behind("catalog", 9, 4)


def test_an_unknown_position_is_raised_as_the_peer_reports_it(
    peer: Peer, server: PeerServer
) -> None:
    unknown = (
        b'{"type":"/problems/unknown-position","source":"catalog","position":9,"end":4}'
    )
    server.answer(unknown, 400)

    with pytest.raises(UnknownPositionError) as raised:
        HttpEventFeed(peer, "inventory").settled("catalog", 9, timeout_s=1)

    error = raised.value
    assert (error.source, error.position, error.end) == ("catalog", 9, 4)


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (200, b"[]", {}),
        (200, b"[]", {"Consistency-Token": "sales:3"}),
        (200, b"[]", {"Consistency-Token": "inventory:x"}),
        (200, b"<html>", {"Consistency-Token": "inventory:3"}),
        (404, b'{"type":"/problems/unknown-source"}', {}),
    ],
)
def test_a_response_that_is_not_a_feed_raises_strange_peer(
    peer: Peer,
    server: PeerServer,
    status: int,
    body: bytes,
    headers: dict[str, str],
) -> None:
    server.answers = [(status, body, headers)]

    with pytest.raises(StrangePeerError, match="GET /events/inventory"):
        HttpEventFeed(peer, "inventory").read(0, 10)


def test_a_peer_that_is_not_available_for_a_while_says_so(
    peer: Peer, server: PeerServer
) -> None:
    server.answer(b'{"type":"/problems/unavailable"}', 503)

    with pytest.raises(PeerError, match="status 503"):
        HttpEventFeed(peer, "inventory").read(0, 10)


def test_the_listing_of_another_process_is_waited_for(
    peer: Peer, server: PeerServer
) -> None:
    peer.wait_for("/products?limit=1", {"catalog": 9}, timeout_s=1)
    assert server.headers[0]["Consistency-Token"] == "catalog:9"

    server.answer(BEHIND, 503)
    with pytest.raises(ReadModelBehindError):
        peer.wait_for("/products?limit=1", {"catalog": 9}, timeout_s=1)

    server.answer(b"<html>", 404, kind="text/html")
    with pytest.raises(StrangePeerError):
        peer.wait_for("/products?limit=1", {"catalog": 9}, timeout_s=1)
