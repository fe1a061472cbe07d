"""A message of another program becomes one job, whenever a worker ends."""

from typing import Any

import pytest

from shared_kernel.queues.consumer import Consumer
from shared_kernel.queues.lease import LEASE_US
from shared_kernel.queues.port import LeaseLostError
from shared_kernel.queues.redis.taken import TakenEntries
from shared_kernel.queues.sql import SqlQueue
from tests.queues import AtOnce
from tests.shared_kernel.queues.builders import Heard, consuming, idle
from tests.shared_kernel.queues.redis_builders import READY, RedisBench, RedisQueue
from tests.shared_kernel.queues.rmq import Writer, clean, written

pytestmark = pytest.mark.server

TICK = written("tick", "{}")


class Crash(BaseException):
    """The process ends here."""


def noted(bench: RedisBench) -> set[str]:
    return TakenEntries(bench.database, "nobody").connections()


def is_dead(bench: RedisBench, queue: RedisQueue) -> None:
    """Its heartbeat in Redis is gone."""
    name = queue.channel.rmq.name.decode()
    bench.server.client.delete(f"rmq::connection::{name}::heartbeat")


def work_for(bench: RedisBench, consumer: Consumer, seconds: int) -> None:
    for _ in range(seconds):
        idle(consumer)
        bench.clock.advance(1)


def dies_before_redis_is_told(
    bench: RedisBench, monkeypatch: pytest.MonkeyPatch
) -> RedisQueue:
    """With one message, whose row is committed."""

    def crash(*_: object) -> None:
        raise Crash

    dead = bench.queue("dead")
    consumer = dead.consumer(9, Heard(), AtOnce())
    consumer.step()
    Writer(bench.server).push(TICK)
    with monkeypatch.context() as patch:
        patch.setattr(dead.channel.rmq, "settle", crash)
        with pytest.raises(Crash):
            consumer.step()
    is_dead(bench, dead)
    return dead


def test_what_a_dead_worker_took_is_not_put_back(
    bench: RedisBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    dies_before_redis_is_told(bench, monkeypatch)
    assert len(noted(bench)) == 1
    consumer, heard = consuming(bench.queue("other"))

    work_for(bench, consumer, 10)

    assert heard.payloads == ["{}"]
    assert noted(bench) == set()
    assert [key for key in bench.all_keys() if key.endswith(("acked", "ready"))] == []


def test_the_cleaner_of_rmq_puts_back_nothing_that_a_dead_worker_took(
    bench: RedisBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not know what is noted, so it must not see our connections."""
    dies_before_redis_is_told(bench, monkeypatch)

    assert clean(bench.server) == 0

    consumer, heard = consuming(bench.queue("other"))
    work_for(bench, consumer, 10)
    assert heard.payloads == ["{}"]
    assert noted(bench) == set()


def test_what_nobody_took_waits_for_a_worker_of_ours(
    bench: RedisBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had died before it was a row; the cleaner of rmq does not see that."""
    dead = bench.queue("dead")
    dead.consumer(9, Heard(), AtOnce()).step()
    Writer(bench.server).push(TICK)
    assert dead.channel.rmq.take(1) == [TICK]
    is_dead(bench, dead)
    assert clean(bench.server) == 0

    consumer, heard = consuming(bench.queue("other"))
    work_for(bench, consumer, 10)

    assert heard.payloads == ["{}"]


def test_an_identical_message_is_another_message(
    bench: RedisBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = dies_before_redis_is_told(bench, monkeypatch)
    bench.server.client.lpush(dead.channel.rmq._unacked, TICK)
    bench.server.client.lpush(READY, TICK)
    consumer, heard = consuming(bench.queue("other"))

    work_for(bench, consumer, 10)

    assert heard.payloads == ["{}"] * 3


def test_it_may_be_unknown_whether_it_became_a_row(
    bench: RedisBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to the commit was lost."""
    exchange = SqlQueue.exchange

    def lost(queue: SqlQueue, *given: Any) -> None:
        exchange(queue, *given)
        raise ConnectionError("the answer is lost")

    queue = bench.queue()
    consumer, heard = consuming(queue)
    consumer.step()
    Writer(bench.server).push(TICK)
    with monkeypatch.context() as patch:
        patch.setattr(SqlQueue, "exchange", lost)
        with pytest.raises(ConnectionError):
            consumer.step()
    Writer(bench.server).push(TICK)

    work_for(bench, consumer, 3)

    assert heard.payloads == ["{}", "{}"]
    consumer.end()
    assert noted(bench) == set()


def test_a_suspended_worker_takes_nothing_that_others_have(
    bench: RedisBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its pop and its commit, for longer than both leases last."""
    suspended, other = bench.queue("suspended"), bench.queue("other")
    late, first = consuming(suspended)
    consumer, second = consuming(other)
    late.step()
    Writer(bench.server).push(TICK)
    exchange = SqlQueue.exchange

    def exchange_late(queue: SqlQueue, *given: Any) -> Any:
        if queue is suspended:
            is_dead(bench, suspended)
            work_for(bench, consumer, LEASE_US // 1_000_000 + 2)
        return exchange(queue, *given)

    with monkeypatch.context() as patch:
        patch.setattr(SqlQueue, "exchange", exchange_late)
        with pytest.raises(LeaseLostError):
            late.step()
    work_for(bench, late, 3)

    assert (first.payloads, second.payloads) == ([], ["{}"])


def test_what_is_noted_is_forgotten_once_redis_was_told(bench: RedisBench) -> None:
    queue, count = bench.queue(), "SELECT count(*) FROM taken_entries"
    consumer, heard = consuming(queue, 3)
    Writer(bench.server).push(*[TICK] * 20)

    for _ in range(9):
        consumer.step()
        with bench.database.reading() as connection:
            assert connection.exec_driver_sql(count).scalar_one() <= 3
    idle(consumer)

    assert len(heard.messages) == 20
    consumer.end()
    assert noted(bench) == set()


def test_a_worker_that_died_later_hides_no_message(bench: RedisBench) -> None:
    """Redis was told, and what is noted could not be forgotten any more."""
    dead = bench.queue("dead")
    gone, _ = consuming(dead)
    Writer(bench.server).push(TICK)
    gone.step()
    assert len(noted(bench)) == 1
    is_dead(bench, dead)
    Writer(bench.server).push(TICK)
    consumer, heard = consuming(bench.queue("other"))

    work_for(bench, consumer, 3)

    assert heard.payloads == ["{}"]
    assert noted(bench) == set()


def test_after_redis_was_wiped_nothing_stays_noted(bench: RedisBench) -> None:
    gone, _ = consuming(bench.queue("dead"))
    Writer(bench.server).push(TICK)
    gone.step()
    bench.server.wipe()
    consumer, _ = consuming(bench.queue("other"))

    consumer.step()

    assert noted(bench) == set()
