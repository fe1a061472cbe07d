"""The feed bus with a real feed: delivers everything once and in order, and closes."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest
from flask import Flask
from structlog.testing import capture_logs
from werkzeug.serving import make_server

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.feed import FeedBus
from shared_kernel.events.consistency import Progress
from shared_kernel.web.feed_http import ServedLog, add_feeds
from shared_kernel.web.feeds_of_peers import HttpEventFeed
from shared_kernel.web.peers import Peer
from shared_kernel.web.routes import Api, set_up_web
from tests.contract.bus_bench import Inbox, until
from tests.shared_kernel.events.builders import an_envelope
from tests.shared_kernel.operations.shop import Shop, a_shop


@attrs.define(eq=False)
class OtherProcess:
    """Serves the log of a shop on a fixed port."""

    shop: Shop
    long_polls: int = 4
    port: int = 0
    requests: int = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        stopping = threading.Event()
        api = Api("operations", {}, {})
        served = ServedLog(log=self.shop.log, followed={}, progress=Progress())
        add_feeds(api, [served], stopping, self.long_polls, consistency_timeout_ms=50)
        app = Flask("shop")
        set_up_web(app)
        app.register_blueprint(api.blueprint)
        app.before_request(self._count)
        server = make_server("127.0.0.1", self.port, app, threaded=True)
        self.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            server.shutdown()
            thread.join()
            server.server_close()

    def _count(self) -> None:
        self.requests += 1

    @contextmanager
    def followed_by(self) -> Iterator[tuple[FeedBus, Inbox]]:
        """A bus that follows it, and the inbox of a member."""
        peer = Peer("shop", f"http://127.0.0.1:{self.port}", timeout_s=0.5)
        bus, inbox = FeedBus([HttpEventFeed(peer, "shop")]), Inbox()
        bus.subscribe("lamp.>", "listing", inbox)
        bus.subscribe("heartbeat.shop", "listing", inbox)
        try:
            yield bus, inbox
        finally:
            bus.close()
            peer.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[OtherProcess]:
    with a_shop(tmp_path) as shop:
        yield OtherProcess(shop)


def brought(inbox: Inbox) -> list[int]:
    return [each.position for each in inbox.received if not each.is_heartbeat]


def has_heartbeat(inbox: Inbox) -> bool:
    return any(each.is_heartbeat for each in inbox.received)


pytestmark = pytest.mark.server


def test_new_events_are_delivered_once_and_in_order(
    other: OtherProcess,
) -> None:
    other.shop.record("LAMP-0001", "LAMP-0002")
    with other.running(), other.followed_by() as (_, inbox):
        until(lambda: has_heartbeat(inbox), "a heartbeat")
        for number in range(5):
            other.shop.record(f"LAMP-{number}", "LAMP-0009")
        until(lambda: 12 in brought(inbox), "the last event")

    assert brought(inbox) == list(range(3, 13))


def test_events_recorded_while_unreachable_are_delivered_afterwards(
    other: OtherProcess,
) -> None:
    with other.running():
        pass
    with other.followed_by() as (_, inbox), capture_logs() as lines:
        with other.running():
            until(lambda: has_heartbeat(inbox), "a heartbeat")
        until(lambda: bool(lines), "the loss")
        other.shop.record("LAMP-0001", "LAMP-0002")
        with other.running():
            until(lambda: 2 in brought(inbox), "the last event")
            until(lambda: len(lines) > 1, "the return")

    assert brought(inbox) == [1, 2]
    assert [line["event"] for line in lines][:2] == ["feed lost", "feed is back"]


def test_a_process_without_free_long_polls_is_polled_at_a_slow_pace(
    other: OtherProcess,
) -> None:
    with other.running():
        pass
    taken = Peer("shop", f"http://127.0.0.1:{other.port}", timeout_s=5)
    other.long_polls = 1
    with other.running():
        hog = threading.Thread(
            target=HttpEventFeed(taken, "shop").wait_for_events, args=[0, 1, 30]
        )
        hog.start()
        until(lambda: other.requests == 1, "the long poll that takes all the room")
        with other.followed_by() as (_, inbox):
            until(lambda: has_heartbeat(inbox), "a heartbeat")
            before, begun = other.requests, time.monotonic()
            until(lambda: time.monotonic() - begun > 1, "a second")
            asked = other.requests - before
        other.shop.record("LAMP-0001")
        hog.join()
    taken.close()

    assert 3 < asked < 12


def test_closing_ends_soon_during_a_poll(other: OtherProcess) -> None:
    with other.running(), other.followed_by() as (bus, inbox):
        until(lambda: has_heartbeat(inbox), "a heartbeat")

        begun = time.monotonic()
        bus.close()

        assert time.monotonic() - begun < 2
        names = [thread.name for thread in threading.enumerate()]
        assert [name for name in names if name.startswith("storehouse-feed")] == []


def test_own_events_are_delivered_in_process(other: OtherProcess) -> None:
    with other.running(), other.followed_by() as (bus, inbox):
        own: list[Envelope] = [an_envelope(1, "lamp.sold", source="till")]
        bus.publish(own)

        until(lambda: own[0] in inbox.received, "its own event")
