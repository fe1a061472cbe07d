"""Redis is killed, wiped, frozen, or away: each queue is as safe as its database."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from shared_kernel.clock import system_clock
from shared_kernel.queues.port import Message
from shared_kernel.queues.redis.taken import TakenEntries
from shared_kernel.storage.database import Database
from tests.cluster import wait_until
from tests.queues import AtOnce
from tests.redis_server import KINDS, RedisServer
from tests.shared_kernel.queues.builders import Heard, Later, consuming, idle
from tests.shared_kernel.queues.redis_builders import READY, RedisBench, RedisQueue
from tests.shared_kernel.queues.rmq import Writer
from tests.tcp_proxy import TcpProxy

pytestmark = [pytest.mark.server, pytest.mark.proof_on("redis")]


@pytest.fixture(params=KINDS)
def own(request: pytest.FixtureRequest, tmp_path: Path, database: Database) -> Any:
    """A server of this test alone, of each kind, with an append-only file."""
    with RedisServer(tmp_path / "own", kind=request.param, appends=True) as server:
        yield RedisBench(database, server)


def add_many(queue: RedisQueue, count: int) -> list[str]:
    payloads = [str(n) for n in range(count)]
    with queue.database.writing() as connection:
        given = [Message(name="n", payload=n) for n in payloads]
        added = queue.add_within(connection, given)
    queue.wake(added)
    return payloads


def test_killed_and_restarted_without_a_file(
    database: Database, tmp_path: Path
) -> None:
    with RedisServer(tmp_path / "own") as server:
        bench = RedisBench(database, server)
        queue = bench.queue()
        payloads = add_many(queue, 20)
        consumer, heard = consuming(queue, 4)
        consumer.step()

        server.kill()
        server.start()
        idle(consumer)
        bench.clock.advance(6)
        queue.add("n", "after")
        idle(consumer)

    assert heard.payloads == [*payloads, "after"]
    assert queue.entries.rows > 0


def test_killed_and_restarted_with_a_file(own: RedisBench) -> None:
    """What other programs wrote is there again, what was acknowledged is not."""
    queue, writer = own.queue(), Writer(own.server)
    payloads = add_many(queue, 10)
    foreign = [f"foreign {n}" for n in range(10)]
    for payload in foreign:
        writer.publish(payload)
    consumer, heard = consuming(queue, 4)
    consumer.step()

    own.server.kill()
    own.server.start()
    for _ in range(4):
        own.clock.advance(6)
        idle(consumer)

    assert sorted(heard.payloads) == sorted(payloads + foreign)


def test_away_it_goes_on_by_the_rows_and_says_so_once(own: RedisBench) -> None:
    queue = own.queue()
    consumer, heard = consuming(queue)
    consumer.step()
    own.server.kill()

    with capture_logs() as logs:
        for n in range(30):
            queue.add("n", str(n))
            idle(consumer)
            own.clock.advance(0.4)
        own.server.start()
        for _ in range(20):
            own.clock.advance(0.4)
            consumer.step()

    assert heard.payloads == [str(n) for n in range(30)]
    told = [log["event"] for log in logs if log["event"].startswith("broker is")]
    assert told == ["broker is away", "broker is back"]


def test_wiped_while_messages_wait(own: RedisBench) -> None:
    queue = own.queue()
    payloads = add_many(queue, 50)
    consumer, heard = consuming(queue, 4)
    consumer.step()
    own.server.wipe()

    idle(consumer)
    own.clock.advance(1)
    consumer.step()

    assert sorted(heard.payloads, key=int) == payloads
    assert own.server.client.exists("storehouse::connections")


def test_frozen_it_is_given_up_after_two_seconds(own: RedisBench) -> None:
    queue = own.queue_by(own.server.url, clock=system_clock)
    heard = Heard()
    queue.start_consuming(5, 0.05, heard)
    queue.add("n", "before")
    wait_until(lambda: heard.payloads == ["before"], "the first one")

    own.server.freeze()
    queue.add("n", "frozen")
    wait_until(lambda: heard.payloads == ["before", "frozen"], "the second one")
    own.server.thaw()
    queue.add("n", "after")
    wait_until(lambda: len(heard.payloads) == 3, "the third one")
    queue.stop()

    assert queue.counts.done == 3


@pytest.mark.parametrize("rows", [True, False], ids=["ours", "foreign"])
def test_an_answer_was_lost(own: RedisBench, rows: bool) -> None:
    """What was popped unseen stands in our own list, and is found there."""
    with TcpProxy(own.server.port) as proxy:
        queue = own.queue_by(f"redis://127.0.0.1:{proxy.port}/1")
        consumer, heard = consuming(queue, 4)
        consumer.step()
        if rows:
            add_many(queue, 3)
        else:
            for n in range(3):
                Writer(own.server).publish(str(n))
        proxy.cut("down")
        consumer.step()
        wait_until(lambda: not own.server.texts(READY), "the pop")
        proxy.pass_through()

        for _ in range(4):
            own.clock.advance(6)
            idle(consumer)

    assert sorted(heard.payloads) == ["0", "1", "2"]
    assert [key for key in own.all_keys() if key.endswith("unacked")] == []


class Crash(BaseException):
    """The process ends here."""


def crash(*_: object, **__: object) -> Any:
    raise Crash


def after_the_pop(queue: RedisQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "claim", crash)


def after_the_commit(queue: RedisQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue.channel.rmq, "settle", crash)


def after_redis_was_told(queue: RedisQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    settle = queue.channel.rmq.settle

    def settle_and_crash(acknowledged: list[bytes], rejected: list[bytes]) -> None:
        settle(acknowledged, rejected)
        raise Crash

    monkeypatch.setattr(queue.channel.rmq, "settle", settle_and_crash)


@pytest.mark.parametrize(
    "point", [after_the_pop, after_the_commit, after_redis_was_told]
)
def test_a_crash_between_two_steps(
    bench: RedisBench,
    monkeypatch: pytest.MonkeyPatch,
    point: Callable[[RedisQueue, pytest.MonkeyPatch], None],
) -> None:
    """Each is processed once, foreign or not."""
    dead, other = bench.queue("dead"), bench.queue("other")
    crashing = dead.consumer(9, Heard(), AtOnce())
    crashing.step()
    payloads = add_many(dead, 3)
    Writer(bench.server).publish("foreign")
    point(dead, monkeypatch)
    with pytest.raises(Crash):
        crashing.step()

    bench.server.client.delete(
        f"rmq::connection::{dead.channel.rmq.name.decode()}::heartbeat"
    )
    consumer, heard = consuming(other)
    for _ in range(10):
        idle(consumer)
        bench.clock.advance(1)

    assert sorted(heard.payloads) == [*payloads, "foreign"]
    assert TakenEntries(bench.database, "nobody").connections() == set()
    assert [key for key in bench.all_keys() if key.endswith(("acked", "ready"))] == []


def test_a_transaction_that_fails_keeps_what_was_popped(
    bench: RedisBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = bench.queue()
    consumer, heard = consuming(queue)
    consumer.step()
    Writer(bench.server).publish("foreign")
    with monkeypatch.context() as context:
        context.setattr(queue, "claim", partial(_fail, OSError("disk full")))
        for _ in range(3):
            with pytest.raises(OSError, match="disk full"):
                consumer.step()

    idle(consumer)

    assert heard.payloads == ["foreign"]


def _fail(error: Exception, *_: object) -> Any:
    raise error


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--appendonly", "no"], "redis has no append-only file"),
        (
            ["--rename-command", "CONFIG", ""],
            "unknown whether redis has an append-only file",
        ),
        (["--appendonly", "yes"], None),
    ],
    ids=["none", "unknown", "there"],
)
def test_it_warns_once_if_redis_forgets_when_it_is_killed(
    database: Database, tmp_path: Path, arguments: list[str], told: str | None
) -> None:
    with (
        RedisServer(tmp_path / "own", *arguments) as server,
        capture_logs() as logs,
    ):
        consumer = RedisBench(database, server).queue().consumer(1, Heard(), Later())
        consumer.step()
        consumer.step()

    events = [log["event"] for log in logs if "append-only" in log["event"]]
    assert events == ([told] if told else [])
