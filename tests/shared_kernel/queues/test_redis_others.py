"""Programs that use rmq, such as the chapter's: they fill our queues and empty them."""

import json

import pytest
from structlog.testing import capture_logs

from shared_kernel.queues.redis.outlet import Outlet
from tests.queues import AtOnce
from tests.redis_server import RedisServer
from tests.shared_kernel.queues.builders import Heard, Later, consuming, idle
from tests.shared_kernel.queues.redis_builders import (
    READY,
    REJECTED,
    RedisBench,
    a_link,
)
from tests.shared_kernel.queues.rmq import (
    Worker,
    Writer,
    return_rejected,
    written,
)

pytestmark = pytest.mark.server


def test_the_chapters_writer_feeds_ours(bench: RedisBench) -> None:
    writer, queue = Writer(bench.server), bench.queue()
    for payload in ('{"sku": "LAMP-0001"}', "é", ""):
        writer.publish(payload)
    consumer, heard = consuming(queue)

    idle(consumer)

    assert heard.payloads == ['{"sku": "LAMP-0001"}', "é", ""]
    assert {each.name for each in heard.messages} == {"new.product"}
    assert queue.entries.foreign == 3
    assert [key for key in bench.all_keys() if key.endswith(("ready", "acked"))] == []


def test_what_comes_in_is_a_row_before_redis_may_forget_it(bench: RedisBench) -> None:
    Writer(bench.server).publish("a")
    queue = bench.queue()
    consumer = queue.consumer(5, Heard(), Later())

    consumer.step()
    bench.server.wipe()

    assert queue.depth().in_flight == 1
    assert [each.message.payload for each in queue.first(9)] == ["a"]


def test_one_that_is_rejected_is_tried_again_and_dead_lettered(
    bench: RedisBench,
) -> None:
    Writer(bench.server).publish("bad")
    queue = bench.queue()
    consumer, heard = consuming(queue)
    heard.failing = {"bad"}

    for _ in range(4):
        idle(consumer)
        bench.clock.advance(5)

    assert [each.attempts for each in heard.messages] == [1, 2, 3]
    assert (queue.counts.dead, queue.depth().waiting) == (1, 0)


def test_equal_messages_are_two_messages(bench: RedisBench) -> None:
    raw = written("tick", "{}")
    Writer(bench.server).push(raw, raw)
    consumer, heard = consuming(bench.queue())

    idle(consumer)

    assert heard.payloads == ["{}", "{}"]


UNREADABLE = (
    b"not json",
    b'{"id": "1", "name": "n"}',
    b"\xff\xfe",
    b'{"id": "1", "name": "n", "payload": "\\u0000"}',
    b'{"id": "1", "name": "n", "payload": "\\ud800"}',
)


def test_what_nobody_can_read_is_rejected_as_it_is(bench: RedisBench) -> None:
    writer, queue = Writer(bench.server), bench.queue()
    writer.publish("before")
    writer.push(*UNREADABLE)
    writer.publish("after")
    consumer, heard = consuming(queue)

    with capture_logs() as logs:
        idle(consumer)

    assert heard.payloads == ["before", "after"]
    assert queue.entries.unreadable == len(UNREADABLE)
    rejected = bench.server.client.lrange(REJECTED, 0, -1)
    assert sorted(rejected) == sorted(UNREADABLE)
    assert [key for key in bench.all_keys() if key.endswith("acked")] == []
    errors = [log for log in logs if log["event"] == "entry is unreadable"]
    assert len(errors) == len(UNREADABLE)


def test_the_same_message_in_both_lists_is_no_problem(bench: RedisBench) -> None:
    """rmq adds it to `rejected` first, and may die before it removes it elsewhere."""
    queue = bench.queue()
    queue.add("greet", "ours")
    raw = Writer(bench.server).publish("theirs")
    (ours,) = [text for text in bench.server.texts(READY) if "ours" in text]
    bench.server.client.lpush(REJECTED, ours, raw, UNREADABLE[0])
    bench.server.client.lpush(READY, UNREADABLE[0])
    consumer, heard = consuming(queue)
    idle(consumer)

    return_rejected(bench.server)
    idle(consumer)

    assert heard.payloads == ["ours", "theirs", "theirs"]
    assert bench.server.client.lrange(REJECTED, 0, -1) == [UNREADABLE[0]] * 2


def test_what_a_dead_worker_held_comes_back(bench: RedisBench) -> None:
    """rmq has a cleaner, but the chapter starts none."""
    writer, dead, alive = (
        Writer(bench.server),
        Worker(bench.server),
        Worker(bench.server),
    )
    for payload in "abc":
        writer.publish(payload)
    assert [worker.take() is not None for worker in (dead, dead, alive)] == [True] * 3
    dead.die()
    consumer, heard = consuming(bench.queue())

    idle(consumer)

    assert sorted(heard.payloads) == ["a", "b"]
    assert bench.server.client.smembers("rmq::connections") >= {alive.name.encode()}
    assert [key for key in bench.all_keys() if dead.name in key] == []
    assert len(bench.server.texts(alive.unacked)) == 1


def test_more_than_a_page_comes_back_in_pages(bench: RedisBench) -> None:
    dead = Worker(bench.server, "elsewhere")
    raws = [written("n", str(n)) for n in range(2500)]
    bench.server.client.lpush(dead.unacked, *raws)
    dead.die()
    consumer, _ = consuming(bench.queue())

    for _ in range(4):
        consumer.step()
        bench.clock.advance(5)

    returned = bench.server.client.lrange(dead.ready, 0, -1)
    assert sorted(returned) == sorted(raws)
    assert [key for key in bench.all_keys() if dead.name in key] == []


def test_another_of_ours_may_take_what_a_suspended_one_holds(
    bench: RedisBench,
) -> None:
    """It was suspended for longer than its heartbeat lasts, then it goes on."""
    first, second = bench.queue("first"), bench.queue("second")
    pool = Later()
    late = first.consumer(4, Heard(), pool)
    late.step()
    for payload in "ab":
        first.add("greet", payload)
    held = first.channel.rmq.take(2)
    assert len(held) == 2
    bench.server.client.delete(
        f"rmq::connection::{first.channel.rmq.name.decode()}::heartbeat"
    )
    consumer, heard = consuming(second)
    consumer.step()

    late.step()
    pool.run()
    idle(consumer)
    bench.clock.advance(1)
    late.step()

    assert heard.payloads == ["a", "b"]
    assert bench.server.client.scard("storehouse::connections") == 2


def test_the_chapters_worker_empties_ours(bench: RedisBench) -> None:
    queue = bench.queue()
    outlet = Outlet(a_link(bench.server.url, bench.clock), "test_queue")
    for payload in "abc":
        queue.add("new.product", payload)

    idle(queue.consumer(5, outlet.hand_over, AtOnce()))
    worker = Worker(bench.server, "test_queue")
    taken = []
    while (message := worker.take()) is not None:
        taken.append(message)
        assert worker.acknowledge(message) == 1

    assert [(each["name"], each["payload"]) for each in taken] == [
        ("new.product", payload) for payload in "abc"
    ]
    assert all(each["id"].isdecimal() and len(each["id"]) <= 48 for each in taken)
    assert queue.depth().waiting == queue.depth().in_flight == 0


def test_a_message_waits_while_redis_cannot_take_it(
    bench: RedisBench, own_server: RedisServer
) -> None:
    queue = bench.queue()
    queue.add("new.product", "a")
    outlet = Outlet(a_link(own_server.url, bench.clock), "test_queue")
    consumer = queue.consumer(5, outlet.hand_over, AtOnce())
    own_server.kill()
    for _ in range(8):
        idle(consumer)
        bench.clock.advance(10)
    assert (queue.depth().waiting, queue.counts.dead) == (1, 0)

    own_server.start()
    idle(consumer)

    (text,) = own_server.texts("rmq::queue::[test_queue]::ready")
    assert json.loads(text)["payload"] == "a"
    assert queue.depth().waiting == 0
