"""Of every work queue: life decides who has a message, and effects are fenced.

Each check gets a bench (`builders.py`) with a clean database.
"""

from collections.abc import Callable

import pytest

from shared_kernel.queues import jobs
from shared_kernel.queues.lease import BEAT_US, LEASE_US
from shared_kernel.queues.port import Message
from tests.queues import AtOnce
from tests.shared_kernel.queues.builders import (
    Bench,
    Heard,
    Later,
    consuming,
    idle,
)

Check = Callable[[Bench], None]


def who_is_alive_keeps_what_it_holds_however_long_it_takes(bench: Bench) -> None:
    pool = Later()
    slow, other = (bench.queue(name) for name in ("slow", "other"))
    slow.add("greet", "a")
    heard = Heard()
    working, waiting = (each.consumer(1, heard, pool) for each in (slow, other))
    assert working.step() == 1

    for _ in range(10 * LEASE_US // BEAT_US):
        bench.clock.advance(BEAT_US / 1_000_000)
        working.step()
        assert waiting.step() == 0
    pool.run()
    working.step()

    assert heard.payloads == ["a"]
    assert slow.counts.done == 1


def what_a_dead_consumer_held_is_processed_by_another_one(bench: Bench) -> None:
    dead, other = (bench.queue(name) for name in ("dead", "other"))
    dead.add("greet", "a")
    dead.consumer(1, Heard(), Later()).step()
    consumer, heard = consuming(other)

    for _ in range(LEASE_US // BEAT_US):
        consumer.step()
        assert heard.payloads == []
        bench.clock.advance(BEAT_US / 1_000_000)
    consumer.step()

    assert [(each.payload, each.attempts) for each in heard.messages] == [("a", 2)]


def one_that_comes_back_changes_nothing_and_is_counted(bench: Bench) -> None:
    pool = Later()
    stopped, other = (bench.queue(name) for name in ("stopped", "other"))
    stopped.add("greet", "a")
    late = stopped.consumer(1, Heard(), pool)
    late.step()
    consumer, heard = consuming(other)
    heard.failing = {"a"}
    for _ in range(LEASE_US // BEAT_US + 2):
        bench.clock.advance(BEAT_US / 1_000_000)
        consumer.step()
    assert heard.payloads == ["a"]

    pool.run()
    late.step()

    assert (stopped.counts.done, stopped.counts.lost_leases) == (0, 1)
    assert other.depth().waiting == 1


def what_was_claimed_unknown_to_its_consumer_is_processed(bench: Bench) -> None:
    """The commit succeeded, and its answer was lost."""
    queue = bench.queue()
    queue.add("greet", "a")
    consumer, heard = consuming(queue)
    exchange = queue.exchange

    def lost(*given: object) -> None:
        exchange(*given)  # type: ignore[arg-type]
        raise ConnectionError("the answer is lost")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue, "exchange", lost)
        with pytest.raises(ConnectionError):
            consumer.step()
    assert queue.depth().in_flight == 1
    bench.clock.advance(BEAT_US / 1_000_000)
    idle(consumer)

    assert heard.payloads == ["a"]
    assert queue.depth().in_flight == 0


def effects_commit_with_the_acknowledgement(bench: Bench) -> None:
    queue = bench.queue()
    queue.add("greet", "a")

    def work(message: Message) -> None:
        with bench.database.writing() as connection:
            if message.name == "greet":
                queue.add_within(connection, [Message(name="effect", payload="b")])
            queue.acknowledge(connection, message)

    idle(queue.consumer(1, work, AtOnce()))

    assert (queue.counts.done, queue.counts.lost_leases) == (2, 0)


def the_effects_of_a_lost_lease_do_not_commit(bench: Bench) -> None:
    queue = bench.queue()
    queue.add("greet", "a")

    def work(message: Message) -> None:
        with bench.database.writing() as connection:
            assert message.receipt is not None
            jobs.leave(connection, message.receipt.consumer)
        with bench.database.writing() as connection:
            queue.add_within(connection, [Message(name="effect", payload="b")])
            queue.acknowledge(connection, message)

    consumer = queue.consumer(1, work, AtOnce())
    consumer.step()
    consumer.settle()

    assert (queue.counts.done, queue.counts.lost_leases) == (0, 1)
    assert [each.message.payload for each in queue.first(9)] == ["a"]


def a_part_of_the_effects_commits_only_while_the_lease_holds(bench: Bench) -> None:
    queue = bench.queue()
    queue.add("greet", "a")

    def work(message: Message) -> None:
        with bench.database.writing() as connection:
            queue.add_within(connection, [Message(name="effect", payload="b")])
            queue.hold(connection, message)
        assert message.receipt is not None
        with bench.database.writing() as connection:
            jobs.leave(connection, message.receipt.consumer)
        with bench.database.writing() as connection:
            queue.add_within(connection, [Message(name="effect", payload="c")])
            queue.hold(connection, message)

    consumer = queue.consumer(1, work, AtOnce())
    consumer.step()
    consumer.settle()

    assert queue.counts.lost_leases == 1
    assert [each.message.payload for each in queue.first(9)] == ["a", "b"]


def the_same_process_name_again_is_another_consumer(bench: Bench) -> None:
    """As in a container: same host name and process id after a restart."""
    before, after = bench.queue("host/1"), bench.queue("host/1")
    before.add("greet", "a")
    before.consumer(1, Heard(), Later()).step()
    consumer, heard = consuming(after)

    assert consumer.step() == 0
    for _ in range(LEASE_US // BEAT_US):
        bench.clock.advance(BEAT_US / 1_000_000)
        consumer.step()

    assert heard.payloads == ["a"]


def many_abandoned_behind_many_that_are_held_are_processed(bench: Bench) -> None:
    """Both are many times what is fetched at a time."""
    alive, dead = (bench.queue(name) for name in ("alive", "dead"))
    payloads = [str(n) for n in range(120)]
    with bench.database.writing() as connection:
        given = [Message(name="greet", payload=payload) for payload in payloads]
        added = alive.add_within(connection, given)
    alive.wake(added)
    holding = alive.consumer(60, Heard(), Later())
    assert holding.step() == 60
    assert dead.consumer(60, Heard(), Later()).step() == 60
    consumer, heard = consuming(bench.queue("other"), 5)

    for _ in range(LEASE_US // BEAT_US):
        consumer.step()
        holding.step()
        bench.clock.advance(BEAT_US / 1_000_000)
    idle(consumer)

    assert sorted(heard.payloads, key=int) == payloads[60:]


def who_has_moved_since_is_not_released(bench: Bench) -> None:
    """Its counter grew after the rescuer had looked at it."""
    queue = bench.queue()
    queue.add("greet", "a")
    queue.consumer(1, Heard(), Later()).step()
    consumer = queue.lease.consumer

    with bench.database.writing() as connection:
        seen = jobs.beats(connection)[consumer]
        jobs.beat(connection, consumer)
        assert jobs.release(connection, consumer, seen) == 0

    assert queue.depth().in_flight == 1


CHECKS: tuple[Check, ...] = (
    who_is_alive_keeps_what_it_holds_however_long_it_takes,
    what_a_dead_consumer_held_is_processed_by_another_one,
    one_that_comes_back_changes_nothing_and_is_counted,
    what_was_claimed_unknown_to_its_consumer_is_processed,
    effects_commit_with_the_acknowledgement,
    the_effects_of_a_lost_lease_do_not_commit,
    a_part_of_the_effects_commits_only_while_the_lease_holds,
    the_same_process_name_again_is_another_consumer,
    many_abandoned_behind_many_that_are_held_are_processed,
    who_has_moved_since_is_not_released,
)
