"""A queue of rows that Redis hurries: what stands there, and what is done with it."""

import json
import threading
import time

import pytest
from structlog.testing import capture_logs

from shared_kernel.clock import system_clock
from shared_kernel.queues.port import Message
from tests.cluster import wait_until
from tests.redis_server import RedisServer
from tests.shared_kernel.queues.builders import Heard, Later, consuming, idle
from tests.shared_kernel.queues.redis_builders import (
    ORIGIN,
    READY,
    RedisBench,
    RedisQueue,
)
from tests.shared_kernel.queues.rmq import Worker

pytestmark = pytest.mark.server


def test_what_was_added_stands_in_the_list_as_rmq_writes_it(bench: RedisBench) -> None:
    added = bench.queue().add("greet", '{"to": "Ada"}')

    (text,) = bench.server.texts(READY)

    assert json.loads(text) == {
        "id": added.id,
        "name": "greet",
        "payload": '{"to": "Ada"}',
        "row_of": ORIGIN,
    }


def test_what_is_added_together_is_one_command_after_the_commit(
    bench: RedisBench,
) -> None:
    queue = bench.queue()
    messages = [Message(name="n", payload=str(n)) for n in range(500)]
    bench.server.client.config_resetstat()

    with bench.database.writing() as connection:
        added = queue.add_within(connection, messages)
        assert bench.server.texts(READY) == []
    queue.wake(added)

    stats = bench.server.client.info("commandstats")
    assert len(bench.server.texts(READY)) == 500
    assert stats["cmdstat_lpush"]["calls"] == 1


def test_messages_come_through_redis_and_leave_nothing_there(bench: RedisBench) -> None:
    queue = bench.queue()
    consumer, heard = consuming(queue, 3)
    consumer.step()
    for payload in "abcde":
        queue.add("greet", payload)

    idle(consumer)

    assert heard.payloads == list("abcde")
    assert (queue.entries.rows, queue.entries.stale) == (5, 0)
    assert [key for key in bench.all_keys() if key.endswith(("ready", "unacked"))] == []


def test_a_connection_stands_in_redis_as_one_of_rmq_which_its_cleaner_does_not_see(
    bench: RedisBench,
) -> None:
    consumer = bench.queue().consumer(1, Heard(), Later())

    consumer.step()
    (name,) = bench.server.client.smembers("storehouse::connections")
    key = f"rmq::connection::{name.decode()}"

    assert bench.all_keys() == sorted(
        [
            "storehouse::connections",
            "rmq::queues",
            f"{key}::heartbeat",
            f"{key}::queues",
            f"{key}::queue::[work]::consumers",
        ]
    )
    assert bench.server.client.get(f"{key}::heartbeat") == b"1"
    assert 55 < bench.server.client.ttl(f"{key}::heartbeat") <= 60
    consumer.end()
    assert bench.all_keys() == ["rmq::queues"]


def test_the_heartbeat_is_renewed_each_second_while_all_is_held(
    bench: RedisBench,
) -> None:
    queue = bench.queue()
    queue.add("greet", "a")
    consumer = queue.consumer(1, Heard(), Later())
    consumer.step()
    bench.server.wipe()

    bench.clock.advance(1)
    consumer.step()

    assert [key for key in bench.all_keys() if key.endswith("heartbeat")] != []
    assert bench.server.client.scard("storehouse::connections") == 1


def test_everything_twice_is_processed_once(bench: RedisBench) -> None:
    queue = bench.queue()
    for payload in "abcdef":
        queue.add("greet", payload)
    bench.server.client.lpush(READY, *bench.server.texts(READY))
    consumer, heard = consuming(queue, 4)

    for _ in range(9):
        consumer.step()

    assert sorted(heard.payloads) == list("abcdef")
    assert bench.server.texts(READY) == []
    assert queue.entries.stale >= 6


def test_what_is_due_again_comes_by_its_row(bench: RedisBench) -> None:
    queue = bench.queue()
    queue.add("greet", "bad")
    consumer, heard = consuming(queue)
    heard.failing = {"bad"}
    idle(consumer)
    assert bench.server.texts(READY) == []

    bench.clock.advance(1.1)
    idle(consumer)

    assert heard.payloads == ["bad", "bad"]


def test_a_row_that_redis_lost_does_not_wait_for_those_in_a_long_list(
    bench: RedisBench,
) -> None:
    queue = bench.queue()
    queue.add("greet", "lost")
    bench.server.wipe()
    for n in range(50):
        queue.add("greet", str(n))
    consumer, heard = consuming(queue, 2)

    consumer.step()

    assert heard.payloads[0] == "lost"


def test_while_it_is_paused_nothing_is_taken(bench: RedisBench) -> None:
    queue = bench.queue()
    queue.add("greet", "a")
    queue.pause()
    consumer, heard = consuming(queue)

    idle(consumer)
    assert len(bench.server.texts(READY)) == 1
    queue.resume()
    idle(consumer)

    assert heard.payloads == ["a"]
    assert bench.server.texts(READY) == []


def test_a_purge_empties_the_list_too(bench: RedisBench) -> None:
    queue = bench.queue()
    queue.add("greet", "a")

    assert queue.purge() == 1

    assert queue.lists() == {"ready": 0, "rejected": 0}
    assert bench.server.texts(READY) == []


def test_rows_of_another_database_are_dropped_and_it_is_said_once(
    bench: RedisBench,
) -> None:
    queue = bench.queue()
    entry = {"id": "1", "name": "greet", "payload": "a", "row_of": "another"}
    bench.server.client.lpush(READY, *[json.dumps(entry)] * 3)
    consumer, heard = consuming(queue)

    with capture_logs() as logs:
        idle(consumer)

    assert heard.payloads == []
    assert queue.entries.strange == 3
    assert [log["origin"] for log in logs if "origin" in log] == ["another"]


def test_the_same_process_name_again_is_another_connection(bench: RedisBench) -> None:
    before, after = bench.queue("host/17"), bench.queue("host/17")
    Worker(bench.server)
    before.add("greet", "a")
    before.consumer(1, Heard(), Later()).step()

    after.consumer(1, Heard(), Later()).step()

    assert bench.server.client.scard("storehouse::connections") == 2


def test_an_idle_consumer_is_woken_by_what_another_process_adds(
    bench: RedisBench,
) -> None:
    here, elsewhere = (bench.queue(name, system_clock) for name in ("here", "there"))
    arrived: list[float] = []
    here.start_consuming(5, 60, lambda _: arrived.append(time.monotonic()))
    taken_s: list[float] = []

    for n in range(5):
        begun_s = time.monotonic()
        elsewhere.add("greet", str(n))
        wait_until(lambda count=n + 1: len(arrived) == count, "the message")  # type: ignore[misc] # bound
        taken_s.append(arrived[-1] - begun_s)
    here.stop()

    assert sorted(taken_s)[2] < 0.5


def test_several_idle_consumers_are_woken_and_one_gets_it(bench: RedisBench) -> None:
    queues = [bench.queue(f"c{n}", system_clock) for n in range(4)]
    heard = Heard()
    for queue in queues:
        queue.start_consuming(5, 60, heard)

    for n in range(20):
        queues[0].add("greet", str(n))
    wait_until(lambda: len(heard.messages) >= 20, "the messages")
    for queue in queues:
        queue.stop()

    assert sorted(heard.payloads, key=int) == [str(n) for n in range(20)]


@pytest.mark.parametrize("state", ["idle", "frozen", "away"])
def test_a_stop_is_prompt(
    bench: RedisBench, own_server: RedisServer, state: str
) -> None:
    queue: RedisQueue = bench.queue_by(own_server.url, clock=system_clock)
    queue.start_consuming(5, 0.05, Heard())
    wait_until(lambda: own_server.client.exists("storehouse::connections"), "the start")
    if state == "frozen":
        own_server.freeze()
    elif state == "away":
        own_server.kill()
    stopping = threading.Thread(target=queue.stop)

    begun_s = time.monotonic()
    stopping.start()
    stopping.join(30)

    if state == "frozen":
        own_server.thaw()
    # A frozen server is given up after two seconds, once for each of two threads.
    assert time.monotonic() - begun_s < (6 if state == "frozen" else 1.5)
