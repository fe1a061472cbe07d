"""The logs of other processes, followed without a broker."""

import threading
from collections.abc import Iterator

import pytest

from shared_kernel.buses.feed import FeedBus
from shared_kernel.events.cloud_events import to_batch
from shared_kernel.web.feeds_of_peers import HttpEventFeed
from shared_kernel.web.peers import Peer
from tests.contract.bus_bench import Inbox, until
from tests.peer_server import PeerServer
from tests.shared_kernel.events.builders import an_envelope

pytestmark = pytest.mark.server


class Log(PeerServer):
    """The feed of another process."""

    def record(self, head: int) -> None:
        """Record an event: polls from now on return the newest one."""
        self.answer(
            to_batch([an_envelope(head, "stock.opened", source="inventory")]),
            Consistency_Token=f"inventory:{head}",
        )


@pytest.fixture
def log() -> Log:
    log = Log()
    log.answer(b"[]", Consistency_Token="inventory:0")
    return log


@pytest.fixture
def bus(log: Log) -> Iterator[FeedBus]:
    with log.running():
        pass
    peer = Peer("inventory", log.url, timeout_s=0.5)
    bus = FeedBus([HttpEventFeed(peer, "inventory")])
    yield bus
    bus.close()
    peer.close()


def listen(bus: FeedBus) -> Inbox:
    inbox = Inbox()
    bus.subscribe("stock.>", "listing", inbox)
    bus.subscribe("heartbeat.inventory", "listing", inbox)
    return inbox


def test_events_of_the_other_process_are_delivered(bus: FeedBus, log: Log) -> None:
    with log.running():
        inbox = listen(bus)
        log.record(1)

        assert inbox.wait(
            lambda: any(each.type == "stock.opened" for each in inbox.received), 10
        )


def test_a_heartbeat_carries_the_head_of_the_log(bus: FeedBus, log: Log) -> None:
    log.answer(b"[]", Consistency_Token="inventory:41")
    with log.running():
        inbox = listen(bus)

        assert inbox.has({41})
        assert all(each.is_heartbeat for each in inbox.received)


def test_a_process_that_comes_back_is_followed_again(bus: FeedBus, log: Log) -> None:
    with log.running():
        inbox = listen(bus)
        assert inbox.positions(1)
    log.record(2)
    with log.running():
        assert inbox.has({2})


def test_only_feeds_with_subscribers_are_read(bus: FeedBus, log: Log) -> None:
    with log.running():
        bus.open()
        bus.subscribe("product.>", "inventory", Inbox())
        bus.subscribe("heartbeat.catalog", "inventory", Inbox())
        assert log.asked == []

        listen(bus)
        until(lambda: bool(log.asked), "the first question")


def test_closing_ends_every_thread(bus: FeedBus, log: Log) -> None:
    with log.running():
        listen(bus)
        until(lambda: bool(log.asked), "the first question")

        bus.close()

        names = [thread.name for thread in threading.enumerate()]
        assert [name for name in names if name.startswith("storehouse")] == []
