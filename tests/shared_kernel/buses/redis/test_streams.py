"""What the bus on Redis Streams does beyond the contract of every bus."""

import json
from collections.abc import Iterator
from contextlib import ExitStack

import attrs
import pytest

from shared_kernel.buses.envelope import Envelope, heartbeat
from shared_kernel.buses.port import (
    BusMisconfiguredError,
    BusUnavailableError,
    Delivery,
    Followed,
    LogBus,
)
from shared_kernel.buses.redis.address import RedisAddress
from shared_kernel.buses.redis.bus import RedisBus
from shared_kernel.buses.redis.connection import RedisConnection
from shared_kernel.buses.redis.names import Names
from shared_kernel.buses.redis.publishing import trim
from tests.contract.bus_bench import SILENCE_S, Inbox, some
from tests.redis_server import RedisServer

pytestmark = pytest.mark.server

AGES_S = 1e9
"""The events of the tests are years old."""
LOG = "0198-log"
CATALOG = Followed(source="catalog", pattern="product.>", group="listing", log=LOG)
STREAM = f"storehouse.catalog.{{{LOG}}}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def bus(server: RedisServer) -> Iterator[RedisBus]:
    server.wipe()
    with ExitStack() as closed:
        bus = RedisBus(
            RedisConnection(RedisAddress.of(server.url)), Names(), max_age_s=AGES_S
        )
        closed.callback(bus.close)
        yield bus


def events(first: int, last: int, log: str = LOG) -> list[Envelope]:
    types = ["product.inserted"] * (last + 1 - first)
    return [
        attrs.evolve(each, log=log, previous="p", relay="r", seal="s")
        for each in some(*types, first=first)
    ]


def test_it_keeps_what_each_log_published(bus: RedisBus) -> None:
    assert isinstance(bus, LogBus)


def test_a_follower_begins_behind_what_it_has_applied(bus: RedisBus) -> None:
    inbox = Inbox()
    bus.publish(events(1, 5))

    bus.follow(attrs.evolve(CATALOG, after=3), inbox)

    assert inbox.positions(2) == [4, 5]
    bus.publish(events(6, 7))
    assert inbox.positions(4) == [4, 5, 6, 7]


def test_each_follower_gets_every_event_and_heartbeat(bus: RedisBus) -> None:
    inboxes = Inbox(), Inbox()
    for inbox in inboxes:
        bus.follow(CATALOG, inbox)

    bus.publish(events(1, 3))
    bus.publish([heartbeat("catalog", 9, 0, LOG), heartbeat("inventory", 8, 0)])

    assert all(inbox.has({1, 2, 3, 9}) for inbox in inboxes)
    assert not any(inbox.has({8}, SILENCE_S) for inbox in inboxes)


def test_another_log_of_the_same_name_is_not_heard(bus: RedisBus) -> None:
    inbox = Inbox()
    bus.follow(CATALOG, inbox)

    bus.publish(events(1, 2, log="of-another-shop"))

    assert not inbox.has({1}, SILENCE_S)


def test_what_is_rejected_comes_again_in_order(bus: RedisBus) -> None:
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


def test_nothing_is_kept_for_followers(bus: RedisBus, server: RedisServer) -> None:
    inbox = Inbox()
    bus.publish(events(1, 3))
    bus.follow(CATALOG, inbox)
    assert inbox.has({3})

    assert server.client.xinfo_groups(STREAM) == []


def test_an_event_is_stored_once_under_its_position(
    bus: RedisBus, server: RedisServer
) -> None:
    batch = events(1, 3)

    bus.publish(batch)
    bus.publish(batch[1:])

    ids = [id_ for id_, _ in server.client.xrange(STREAM)]
    assert ids == [b"1-1", b"2-1", b"3-1"]


def test_what_a_restored_log_has_at_positions_of_before_comes_too(
    bus: RedisBus,
) -> None:
    inbox = Inbox()
    bus.publish(events(1, 5))
    bus.follow(attrs.evolve(CATALOG, after=5), inbox)
    again = events(4, 7)

    bus.publish(again)

    assert inbox.has({4, 5, 6, 7})
    assert {each.id for each in inbox.received} == {each.id for each in again}


def test_a_follower_goes_on_after_the_stream_has_lost_everything(
    bus: RedisBus, server: RedisServer
) -> None:
    inbox = Inbox()
    bus.publish(events(1, 5))
    bus.follow(CATALOG, inbox)
    assert inbox.has({5})

    server.wipe()
    bus.publish(events(6, 6))

    assert inbox.has({6})


def test_old_events_are_deleted_and_newer_ones_stay(
    bus: RedisBus, server: RedisServer
) -> None:
    batch = events(1, 30)
    bus.publish(batch)

    trim(server.client, STREAM, batch[19].time_us / 1_000_000)

    left = [id_ for id_, _ in server.client.xrange(STREAM)]
    assert left == [f"{position}-1".encode() for position in range(20, 31)]


def test_the_newest_event_stays_however_old_it_is(
    bus: RedisBus, server: RedisServer
) -> None:
    """Its id tells what was published."""
    bus.publish(events(1, 3))

    trim(server.client, STREAM, 1e12)

    assert [id_ for id_, _ in server.client.xrange(STREAM)] == [b"3-1"]


def test_a_program_that_knows_only_redis_reads_events(
    bus: RedisBus, server: RedisServer
) -> None:
    bus.publish(events(1, 2))

    ((_, entries),) = server.client.xread({STREAM: "0"})

    _, fields = entries[0]
    assert fields[b"ce-type"] == b"product.inserted"
    assert json.loads(fields[b"data"]) == {"name": "Café “Lamp”"}


def test_a_program_that_knows_only_redis_sends_a_message(
    bus: RedisBus, server: RedisServer
) -> None:
    inboxes = Inbox(), Inbox()
    for inbox in inboxes:
        bus.subscribe("new.product", "catalog", inbox)

    id_ = server.client.xadd("new.product", {"data": b'{"sku":"L-1"}'})

    assert any(inbox.has({0}) for inbox in inboxes)
    (received,) = [*inboxes[0].received, *inboxes[1].received]
    assert (received.type, received.data) == ("new.product", b'{"sku":"L-1"}')
    assert received.id == f"new.product:{id_.decode()}"


def test_a_member_that_leaves_gives_back_what_it_has_not_delivered(
    bus: RedisBus, server: RedisServer
) -> None:
    first, second = Inbox(), Inbox()
    leave = bus.subscribe("new.product", "catalog", first)
    bus.subscribe("new.product", "catalog", second)

    leave()
    for number in range(10):
        server.client.xadd("new.product", {"data": b"%d" % number})

    assert second.wait(lambda: len(second.received) == 10, 10)


def test_wrong_credentials_stop_the_start_without_telling_them(
    server: RedisServer,
) -> None:
    address = RedisAddress.of(f"redis://me:secret@127.0.0.1:{server.port}")
    bus = RedisBus(RedisConnection(address), Names())

    with pytest.raises(BusMisconfiguredError, match="refuses") as raised:
        bus.open()

    assert "secret" not in str(raised.value)
    bus.close()


def test_a_closed_bus_publishes_nothing(bus: RedisBus) -> None:
    bus.close()

    with pytest.raises(BusUnavailableError):
        bus.publish(events(1, 1))
