"""The broker is killed, frozen or away: each queue is as safe as its database."""

import time

import pytest
from structlog.testing import capture_logs

from shared_kernel.clock import system_clock
from shared_kernel.storage.database import Database
from tests.brokers import Broker
from tests.cluster import wait_until
from tests.shared_kernel.queues.broker_benches import BrokerBench, Place, is_there
from tests.shared_kernel.queues.builders import Heard, consuming, idle

pytestmark = [pytest.mark.server, pytest.mark.proof]


@pytest.fixture(params=["own_jetstream", "own_sqs", "own_pubsub"])
def bench(request: pytest.FixtureRequest, database: Database) -> BrokerBench:
    """Its server is of this test alone."""
    place: Place = request.getfixturevalue(request.param)
    return BrokerBench(database, place)


@pytest.fixture
def server(bench: BrokerBench) -> Broker:
    return bench.place.server


def test_killed_and_without_its_storage_it_goes_on_by_the_rows(
    bench: BrokerBench, server: Broker
) -> None:
    queue = bench.queue(clock=system_clock)
    is_there(queue)
    heard = Heard()
    queue.start_consuming(5, 0.05, heard)
    for n in range(30):
        queue.add("n", str(n))
        if n == 10:
            server.kill()
            server.delete_storage()
        if n == 20:
            server.start()
    wait_until(lambda: len(heard.messages) == 30, "the messages")
    is_there(queue)
    bench.place.send(b'{"sku": "A"}')
    wait_until(lambda: len(heard.messages) == 31, "one of another program")
    queue.stop()

    assert sorted(heard.payloads[:30], key=int) == [str(n) for n in range(30)]
    assert queue.counts.done == 31


def test_what_other_programs_sent_outlives_a_worker_that_ends(
    bench: BrokerBench, server: Broker
) -> None:
    first = bench.queue("first", system_clock)
    is_there(first)
    for n in range(20):
        bench.place.send(b'{"n": %d}' % n)
    heard = Heard()
    first.start_consuming(3, 0.05, heard)
    wait_until(lambda: len(heard.messages) >= 3, "the first ones")
    first.stop()
    second = bench.queue("second", system_clock)
    second.start_consuming(3, 0.05, heard)
    wait_until(lambda: len(heard.messages) >= 20, "all of them")
    second.stop()

    assert sorted(heard.payloads) == sorted(f'{{"n": {n}}}' for n in range(20))


def test_it_says_once_that_the_broker_is_away_and_once_that_it_is_back(
    bench: BrokerBench, server: Broker
) -> None:
    queue = bench.queue(clock=system_clock)
    is_there(queue)
    heard = Heard()
    with capture_logs() as logs:
        server.kill()
        queue.start_consuming(5, 0.05, heard)
        for n in range(5):
            queue.add("n", str(n))
        wait_until(lambda: len(heard.messages) == 5, "by the rows")
        wait_until(lambda: queue.channel.link.away, "the fault")
        server.start()
        is_there(queue)
        queue.stop()

    told = [log["event"] for log in logs if log["event"].startswith("broker is")]
    assert told == ["broker is away", "broker is back"]


def test_frozen_it_keeps_nobody_waiting_who_adds(
    bench: BrokerBench, server: Broker
) -> None:
    queue = bench.queue(clock=system_clock)
    is_there(queue)
    heard = Heard()
    queue.start_consuming(5, 0.05, heard)
    server.freeze()
    begun_s = time.monotonic()
    for n in range(10):
        queue.add("n", str(n))
    added_s = time.monotonic() - begun_s
    wait_until(lambda: len(heard.messages) == 10, "by the rows")
    server.thaw()
    is_there(queue)
    queue.stop()

    assert added_s < 1


def test_messages_that_come_again_and_again_are_one_job(bench: BrokerBench) -> None:
    """No acknowledgement arrives, and ids are remembered."""
    queue = bench.queue(ack_wait_s=1)
    is_there(queue)
    for n in range(5):
        bench.place.send(b'{"n": %d}' % n)
    consumer, heard = consuming(queue)

    def repeated() -> bool:
        queue.channel.arm()
        queue.channel._settled.clear()
        queue.channel.read()
        idle(consumer)
        return queue.entries.repeated >= 5

    wait_until(repeated, "the messages again")

    assert sorted(heard.payloads) == [f'{{"n": {n}}}' for n in range(5)]
