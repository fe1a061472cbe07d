"""What the bus on Pub/Sub does beyond the contract of every bus.

On a server of our own, and on Google's emulator where that is installed.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import attrs
import pytest
from google.cloud import pubsub_v1
from google.pubsub_v1 import types

from shared_kernel.buses.envelope import Envelope, heartbeat
from shared_kernel.buses.port import (
    BusMisconfiguredError,
    BusUnavailableError,
    Delivery,
    Followed,
    LogBus,
)
from shared_kernel.buses.pubsub.address import PubSubAddress
from shared_kernel.buses.pubsub.bus import PubSubBus
from shared_kernel.buses.pubsub.connection import PubSubConnection, ask
from shared_kernel.buses.pubsub.declared import Terms
from shared_kernel.buses.pubsub.names import Names
from shared_kernel.buses.pubsub.pushes import PushDoor, Pushes
from tests.contract.bus_bench import SILENCE_S, Inbox, ids, some, until
from tests.faults.checker import SUMMARY
from tests.pubsub_server import KINDS, PROJECT, PubSubServer

pytestmark = [pytest.mark.server, pytest.mark.proof]

LOG = "0198-log"
CATALOG = Followed(source="catalog", pattern="product.>", group="listing", log=LOG)


@pytest.fixture(scope="module", params=KINDS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PubSubServer]:
    with PubSubServer(tmp_path_factory.mktemp("pubsub"), request.param) as server:
        yield server


class Bench:
    """Buses of one shop, of which no other test knows."""

    def __init__(self, server: PubSubServer) -> None:
        self.names = Names(PROJECT, f"shop-{next(ids)}")
        self.address = PubSubAddress(project=PROJECT, emulator=server.host)
        self.closing = ExitStack()
        self.topic = self.names.log("catalog", LOG)
        self.subscription = self.names.follower(self.topic, "listing")
        connection = PubSubConnection(self.address, self.topic)
        self.closing.callback(connection.close)
        self.clients = connection.clients()

    def bus(self, terms: Terms | None = None, **more: Any) -> PubSubBus:
        connection = PubSubConnection(self.address, self.names.heartbeats)
        bus = PubSubBus(connection, self.names, terms or Terms(), **more)
        self.closing.callback(bus.close)
        return bus

    def found(self) -> types.Subscription:
        request = {"subscription": self.subscription}
        found: types.Subscription = ask(
            self.clients.subscriber.get_subscription, request
        )
        return found


@pytest.fixture
def bench(server: PubSubServer) -> Iterator[Bench]:
    bench = Bench(server)
    with bench.closing:
        yield bench


def events(first: int, last: int, log: str = LOG) -> list[Envelope]:
    kinds = ["product.inserted"] * (last + 1 - first)
    return [
        attrs.evolve(each, log=log, previous="p", relay="r", seal="s")
        for each in some(*kinds, first=first)
    ]


def test_the_suite_says_on_which_server_it_ran(
    server: PubSubServer, bench: Bench, record_property: Any
) -> None:
    assert isinstance(bench.bus(), LogBus)
    record_property(SUMMARY, f"Pub/Sub: tests of the bus on {server.kind}")


def test_what_is_published_while_nobody_reads_waits(bench: Bench) -> None:
    first, second = Inbox(), Inbox()
    leave = bench.bus().follow(CATALOG, first)
    bench.bus().publish(events(1, 2))
    assert first.positions(2) == [1, 2]
    leave()

    bench.bus().publish(events(3, 5))
    bench.bus().follow(attrs.evolve(CATALOG, after=2), second)

    assert second.positions(3) == [3, 4, 5]


def test_another_log_of_the_same_name_is_not_heard(bench: Bench) -> None:
    inbox = Inbox()
    bench.bus().follow(CATALOG, inbox)

    bench.bus().publish(events(1, 2, log="of-another-shop"))

    assert not inbox.has({1}, SILENCE_S)


def test_a_heartbeat_comes_when_it_repeats_the_head(bench: Bench) -> None:
    """The first one of a head may overtake the event."""
    inbox, all_of_them = Inbox(), Inbox()
    bench.bus().follow(CATALOG, inbox)
    bench.bus().subscribe("heartbeat.catalog", "rivals", all_of_them)

    for position in (7, 8, 8):
        bench.bus().publish([heartbeat("catalog", position, 0, LOG)])

    assert all_of_them.positions(3) == [7, 8, 8]
    assert inbox.positions(1) == [8]
    assert inbox.positions(2, SILENCE_S) == [8]


def test_what_is_rejected_comes_again(bench: Bench) -> None:
    rejections = iter([True])

    def answer(delivery: Delivery) -> None:
        if next(rejections, False):
            delivery.reject()
        else:
            delivery.acknowledge()

    inbox = Inbox(answer=answer)
    bench.bus().follow(CATALOG, inbox)
    bench.bus().publish(events(1, 3))

    until(lambda: len(inbox.received) >= 4, "coming again")
    assert inbox.has({1, 2, 3})


def test_a_follower_goes_on_after_its_topic_was_deleted(bench: Bench) -> None:
    inbox = Inbox()
    bench.bus().follow(CATALOG, inbox)
    bench.bus().publish(events(1, 1))
    assert inbox.has({1})

    ask(bench.clients.publisher.delete_topic, {"topic": bench.topic})

    publisher, numbers = bench.bus(), iter(range(2, 1000))

    def arrived() -> bool:
        position = next(numbers)
        publisher.publish(events(position, position))
        return inbox.has({position}, SILENCE_S)

    until(arrived, "finding it again")


def test_a_subscription_is_made_as_declared_and_changed_if_it_is_not(
    bench: Bench,
) -> None:
    leave = bench.bus(Terms(ack_deadline_s=20, max_age_s=7200)).follow(CATALOG, Inbox())
    made = bench.found()
    assert made.ack_deadline_seconds == 20
    assert made.message_retention_duration.total_seconds() == 7200
    assert (made.enable_message_ordering, made.filter) == (True, "")
    leave()

    bench.bus(Terms(ack_deadline_s=30)).follow(CATALOG, Inbox())

    assert bench.found().ack_deadline_seconds == 30


def test_a_subscription_without_order_is_made_anew(bench: Bench) -> None:
    ask(bench.clients.publisher.create_topic, {"name": bench.topic})
    wrong = {"name": bench.subscription, "topic": bench.topic}
    ask(bench.clients.subscriber.create_subscription, wrong)

    inbox = Inbox()
    bench.bus().follow(CATALOG, inbox)
    bench.bus().publish(events(1, 2))

    assert inbox.has({1, 2})
    assert bench.found().enable_message_ordering


def test_a_pushed_subscription_leads_to_the_door_and_back(bench: Bench) -> None:
    door = PushDoor(url="https://shop.example", account="a@b.c", audience="me")

    class Anybody:
        def verify(self, token: str) -> None:
            """It is true."""

    leave = bench.bus(Terms(push=door), pushes=Pushes(Anybody())).follow(
        CATALOG, Inbox()
    )
    config = bench.found().push_config
    assert config.push_endpoint == door.endpoint(bench.subscription)
    assert config.oidc_token.service_account_email == "a@b.c"
    assert config.oidc_token.audience == "me"
    leave()

    bench.bus().follow(CATALOG, Inbox())
    assert bench.found().push_config.push_endpoint == ""


def test_heartbeats_leave_no_subscription_behind(bench: Bench) -> None:
    bus = bench.bus()
    bus.subscribe("heartbeat.>", "rivals", Inbox())
    request = {"topic": bench.names.heartbeats}
    listed = bench.clients.publisher.list_topic_subscriptions
    assert len(list(ask(listed, request))) == 1

    bus.close()

    assert list(ask(listed, request)) == []


def test_a_program_with_googles_own_client_reads_and_sends(
    bench: Bench, server: PubSubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.host)
    inbox, bus = Inbox(), bench.bus()
    bus.subscribe("new.product", "catalog", inbox)
    bus.publish(events(1, 1))
    mine = f"projects/{PROJECT}/subscriptions/mine-{next(ids)}"
    with pubsub_v1.SubscriberClient() as reader:
        reader.create_subscription(name=mine, topic=bench.topic)
        bus.publish(events(2, 2))
        (found,) = reader.pull(subscription=mine, max_messages=1).received_messages
    with pubsub_v1.SubscriberClient():
        sent = bench.clients.publisher.publish(
            topic=bench.names.topic("new.product"),
            messages=[types.PubsubMessage(data=b'{"sku":"L-1"}')],
        )

    assert found.message.attributes["ce-type"] == "product.inserted"
    assert json.loads(found.message.data) == {"name": "Café “Lamp”"}
    assert inbox.has({0})
    assert inbox.received[0].type == "new.product"
    assert inbox.received[0].id == f"new.product:{sent.message_ids[0]}"


def test_an_event_with_too_long_an_attribute_is_left_out(bench: Bench) -> None:
    inbox, bus = Inbox(), bench.bus()
    bus.follow(CATALOG, inbox)
    first, long, last = events(1, 3)

    bus.publish([first, attrs.evolve(long, key="é" * 200), last])

    assert inbox.positions(2) == [1, 3]
    assert bus.broker().too_large == 1


def test_a_prefix_that_google_refuses_is_told() -> None:
    with pytest.raises(BusMisconfiguredError, match="BUS_SUBJECT_PREFIX"):
        _ = Names(PROJECT, "goog").heartbeats


def test_a_closed_bus_publishes_nothing(bench: Bench) -> None:
    bus = bench.bus()
    bus.close()

    with pytest.raises(BusUnavailableError):
        bus.publish(events(1, 1))
