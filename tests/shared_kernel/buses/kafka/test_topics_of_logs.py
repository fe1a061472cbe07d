"""What the bus on Kafka does beyond the contract of every bus."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count

import attrs
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from shared_kernel.buses.envelope import Envelope, heartbeat
from shared_kernel.buses.kafka.bus import KafkaBus
from shared_kernel.buses.kafka.options import KafkaOptions
from shared_kernel.buses.port import (
    BusMisconfiguredError,
    BusUnavailableError,
    Delivery,
    Followed,
    LogBus,
)
from tests.contract.bus_bench import SILENCE_S, Inbox, some
from tests.kafka_server import KafkaServer

pytestmark = [pytest.mark.server, pytest.mark.proof]

AGES_S = 1e9
"""The events of the tests are years old."""
LOG = "0198-log"
CATALOG = Followed(source="catalog", pattern="product.>", group="listing", log=LOG)
numbers = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    with KafkaServer(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture
def options(server: KafkaServer) -> KafkaOptions:
    """Each test has topics of its own."""
    return KafkaOptions(
        servers=[server.address],
        prefix=f"shop-{next(numbers)}",
        subjects=["product.>"],
        max_age_s=AGES_S,
    )


@pytest.fixture
def bus(options: KafkaOptions) -> Iterator[KafkaBus]:
    with ExitStack() as closed:
        bus = KafkaBus(options, logs=lambda: {"catalog": LOG})
        closed.callback(bus.close)
        bus.open()
        yield bus


@pytest.fixture
def admin(server: KafkaServer) -> AdminClient:
    return AdminClient({"bootstrap.servers": server.address})


def topic_of(options: KafkaOptions) -> str:
    return f"{options.prefix}.storehouse.log.catalog.{LOG}"


def events(first: int, last: int, log: str = LOG, key: str = "L-1") -> list[Envelope]:
    types = ["product.inserted"] * (last + 1 - first)
    return [
        attrs.evolve(each, log=log, previous="p", relay="r", seal="s")
        for each in some(*types, first=first, key=key)
    ]


def test_it_keeps_what_each_log_published(bus: KafkaBus) -> None:
    assert isinstance(bus, LogBus)


def test_a_follower_begins_behind_what_it_has_applied(bus: KafkaBus) -> None:
    inbox = Inbox()
    for position in range(1, 6):
        bus.publish(events(position, position))

    bus.follow(attrs.evolve(CATALOG, after=3), inbox)

    assert inbox.positions(2) == [4, 5]
    bus.publish(events(6, 7))
    assert inbox.positions(4) == [4, 5, 6, 7]


def test_in_a_long_topic_most_of_what_was_applied_is_not_read(bus: KafkaBus) -> None:
    inbox = Inbox()
    for first in range(1, 5001, 500):
        bus.publish(events(first, first + 499))

    bus.follow(attrs.evolve(CATALOG, after=1234), inbox)

    assert inbox.has(set(range(1235, 5001)))
    assert len(inbox.received) < 5000 - 1234 + 1000


def test_each_follower_gets_every_event_and_heartbeat(bus: KafkaBus) -> None:
    inboxes = Inbox(), Inbox()
    for inbox in inboxes:
        bus.follow(CATALOG, inbox)

    bus.publish(events(1, 3))
    bus.publish([heartbeat("catalog", 9, 0, LOG), heartbeat("inventory", 8, 0)])

    assert all(inbox.has({1, 2, 3, 9}) for inbox in inboxes)
    assert not any(inbox.has({8}, SILENCE_S) for inbox in inboxes)


def test_another_log_of_the_same_name_is_not_heard(bus: KafkaBus) -> None:
    inbox = Inbox()
    bus.follow(CATALOG, inbox)

    bus.publish(events(1, 2, log="of-another-shop"))

    assert not inbox.has({1}, SILENCE_S)


def test_what_is_rejected_comes_again_in_order(bus: KafkaBus) -> None:
    rejections = iter([True, True, False])

    def answer(delivery: Delivery) -> None:
        if next(rejections, False):
            delivery.reject()
        else:
            delivery.acknowledge()

    inbox = Inbox(answer=answer)
    bus.publish(events(1, 3))

    bus.follow(CATALOG, inbox)

    assert inbox.positions(9) == [1, 2, 3] * 3
    bus.publish(events(4, 4))
    assert inbox.positions(10) == [1, 2, 3] * 3 + [4]


def test_what_a_restored_log_has_at_positions_of_before_comes_too(
    bus: KafkaBus,
) -> None:
    inbox = Inbox()
    bus.publish(events(1, 5))
    bus.follow(attrs.evolve(CATALOG, after=5), inbox)
    again = events(4, 7)

    bus.publish(again)

    assert inbox.has({4, 5, 6, 7})
    assert {each.id for each in again} <= {each.id for each in inbox.received}


def test_several_partitions_are_read_in_the_order_of_positions(
    options: KafkaOptions, admin: AdminClient
) -> None:
    inbox = Inbox()
    bus = KafkaBus(attrs.evolve(options, partitions=3))
    batch = [
        attrs.evolve(each, key=f"SKU-{each.position % 7}") for each in events(1, 300)
    ]
    bus.follow(CATALOG, inbox)
    for start in range(0, 300, 10):
        bus.publish(batch[start : start + 10])

    assert inbox.positions(300) == list(range(1, 301))
    topic = admin.list_topics(timeout=5).topics[topic_of(options)]
    assert len(topic.partitions) == 3

    late = Inbox()
    bus.follow(attrs.evolve(CATALOG, after=250), late)
    assert late.positions(50) == list(range(251, 301))
    bus.close()


def test_a_program_that_knows_only_kafka_reads_events(
    bus: KafkaBus, server: KafkaServer, options: KafkaOptions
) -> None:
    bus.publish(events(1, 2, key="Ü 1%"))
    reader = Consumer({"bootstrap.servers": server.address, "group.id": "theirs"})
    reader.assign([TopicPartition(topic_of(options), 0, 0)])

    message = reader.poll(5)

    assert message is not None
    headers = dict(message.headers() or ())
    assert message.key() == headers["ce_subject"] == headers["ce_partitionkey"]
    assert message.key() == "Ü 1%".encode()
    assert headers["ce_type"] == b"product.inserted"
    assert headers["content-type"] == b"application/json"
    assert not any(name.startswith("ce-") for name in headers)
    assert json.loads(message.value() or b"") == {"name": "Café “Lamp”"}
    reader.close()


def test_messages_of_other_programs_are_shared_and_keep_their_place(
    bus: KafkaBus, server: KafkaServer, options: KafkaOptions
) -> None:
    inboxes = Inbox(), Inbox()
    for inbox in inboxes:
        bus.subscribe("new.product", "catalog", inbox)
    topic = f"{options.prefix}.new.product"
    theirs = Producer({"bootstrap.servers": server.address})

    theirs.produce(topic, b'{"sku":"L-1"}', headers={"ce_id": "a%1"})
    theirs.produce(topic, b'{"sku":"L-2"}')
    theirs.flush(5)

    received = [*inboxes[0].received, *inboxes[1].received]
    assert inboxes[0].wait(lambda: sum(len(each.received) for each in inboxes) == 2, 10)
    received = [*inboxes[0].received, *inboxes[1].received]
    assert {(each.type, each.data) for each in received} == {
        ("new.product", b'{"sku":"L-1"}'),
        ("new.product", b'{"sku":"L-2"}'),
    }
    assert [each.id for each in received] == ["a%1", f"{topic}:0:1"]


def test_the_topic_is_created_as_declared_and_corrected(
    options: KafkaOptions, admin: AdminClient
) -> None:
    def kept_hours() -> float:
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic_of(options))
        (found,) = admin.describe_configs([resource]).values()
        return int(found.result(5)["retention.ms"].value) / 3_600_000

    for hours in (24, 48):
        declared = attrs.evolve(options, max_age_s=hours * 3600)
        bus = KafkaBus(declared, logs=lambda: {"catalog": LOG})
        bus.open()
        bus.close()
        assert kept_hours() == hours


def test_too_few_partitions_are_refused_with_the_command(
    options: KafkaOptions, admin: AdminClient
) -> None:
    topic = topic_of(options)
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(5)
    declared = attrs.evolve(options, partitions=5)
    bus = KafkaBus(declared, logs=lambda: {"catalog": LOG})

    with pytest.raises(BusMisconfiguredError) as raised:
        bus.open()

    assert "has 2 partitions, declared 5: set KAFKA_PARTITIONS=2" in str(raised.value)
    assert f"--alter --topic {topic} --partitions 5" in str(raised.value)
    bus.close()


def test_a_closed_bus_publishes_nothing(bus: KafkaBus) -> None:
    bus.close()

    with pytest.raises(BusUnavailableError):
        bus.publish(events(1, 1))
