"""What every work queue does: at least once, one consumer at a time, fenced.

Each check gets a bench (`builders.py`) with a clean database.
"""

from collections.abc import Callable

import pytest
from sqlalchemy.engine import Connection

from shared_kernel.events.dead_letters import listed
from shared_kernel.queues import jobs
from shared_kernel.queues.lease import BEAT_US, LEASE_US
from shared_kernel.queues.port import Message
from tests.queues import AtOnce
from tests.shared_kernel.events.builders import ManualClock
from tests.shared_kernel.queues.builders import (
    Bench,
    Heard,
    Later,
    consuming,
    idle,
)

Check = Callable[[Bench], None]


def messages_are_processed_in_order_and_are_gone(bench: Bench) -> None:
    queue = bench.queue()
    added = [queue.add("greet", payload) for payload in "abc"]
    consumer, heard = consuming(queue)

    assert consumer.step() == 3
    idle(consumer)

    assert heard.payloads == ["a", "b", "c"]
    assert [message.id for message in heard.messages] == [each.id for each in added]
    assert {message.attempts for message in heard.messages} == {1}
    assert queue.depth().waiting == queue.depth().in_flight == 0


def the_queue_gives_the_id(bench: Bench) -> None:
    queue = bench.queue()

    added = queue.add_message(Message(name="greet", payload="a", id="mine", attempts=7))

    assert added.id != "mine"
    assert added.attempts == 0


def what_is_rolled_back_was_never_added(bench: Bench) -> None:
    """Law 1: a job commits with what caused it, or neither does."""
    queue = bench.queue()

    def refused(connection: Connection) -> None:
        queue.add_within(connection, [Message(name="greet", payload="a")])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), bench.database.writing() as connection:
        refused(connection)

    assert queue.depth().waiting == 0


def at_most_size_are_fetched_and_held(bench: Bench) -> None:
    queue, pool = bench.queue(), Later()
    for payload in "abcde":
        queue.add("greet", payload)
    heard = Heard()
    consumer = queue.consumer(2, heard, pool)

    assert (consumer.step(), consumer.step()) == (2, 0)
    assert (queue.depth().waiting, queue.depth().in_flight) == (3, 2)
    pool.run()
    consumer.step()
    assert (queue.depth().waiting, queue.depth().in_flight) == (1, 2)


def no_two_consumers_hold_a_message(bench: Bench) -> None:
    pool = Later()
    one, two = (bench.queue(name) for name in ("one", "two"))
    for payload in "abcdef":
        one.add("greet", payload)
    heard = Heard()
    consumers = [each.consumer(3, heard, pool) for each in (one, two)]

    assert [consumer.step() for consumer in consumers] == [3, 3]
    pool.run()

    assert sorted(heard.payloads) == list("abcdef")


def a_rejected_message_comes_again_later_and_dies_in_the_end(bench: Bench) -> None:
    queue = bench.queue()
    queue.add("greet", "bad")
    consumer, heard = consuming(queue)
    heard.failing = {"bad"}

    idle(consumer)
    bench.clock.advance(0.9)
    assert consumer.step() == 0
    for wait_s in (0.2, 2.1):
        bench.clock.advance(wait_s)
        idle(consumer)

    assert [message.attempts for message in heard.messages] == [1, 2, 3]
    assert queue.depth().waiting == 0
    with bench.database.reading() as connection:
        (letter,) = listed(connection)
    assert (letter.subscription, letter.envelope.data) == ("work", b"bad")
    assert (letter.reason, letter.attempts) == ("ValueError: bad", 3)


def messages_of_one_key_keep_their_order(bench: Bench) -> None:
    queue = bench.queue()
    for payload, key in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("c", None)):
        queue.add_message(Message(name="greet", payload=payload, key=key))
    consumer, heard = consuming(queue)
    heard.failing = {"a1"}

    idle(consumer)
    assert heard.payloads == ["a1", "b1", "c"]
    heard.failing = set()
    bench.clock.advance(1.5)
    idle(consumer)

    assert heard.payloads[3:] == ["a1", "a2"]


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


def many_that_wait_for_one_of_their_key_hide_nothing(bench: Bench) -> None:
    holding, other = bench.queue("holding"), bench.queue("other")
    keyed = [Message(name="greet", payload="k", key="k") for _ in range(60)]
    with bench.database.writing() as connection:
        free = Message(name="greet", payload="free")
        added = holding.add_within(connection, [*keyed, free])
    holding.wake(added)
    assert holding.consumer(1, Heard(), Later()).step() == 1
    consumer, heard = consuming(other, 5)

    for _ in range(20):
        consumer.step()
        bench.clock.advance(0.1)

    assert heard.payloads == ["free"]


def a_clock_that_is_wrong_delays_nothing_for_long(bench: Bench) -> None:
    """That of the process that adds a message, or that has rejected it."""
    ahead = ManualClock()
    ahead.advance(3600)
    wrong = bench.queue("wrong", ahead)
    wrong.add("greet", "bad")
    consumer, heard = consuming(wrong)
    heard.failing = {"bad"}
    consumer.step()
    consumer.step()
    assert (wrong.depth().in_flight, wrong.counts.rejected) == (0, 1)
    wrong.add("greet", "new")

    right, at_last = consuming(bench.queue("right"))
    idle(right)

    assert sorted(at_last.payloads) == ["bad", "new"]


def a_fault_does_not_count_as_an_attempt(bench: Bench) -> None:
    queue = bench.queue()
    queue.add("greet", "a")
    attempts: list[int] = []

    def away(message: Message) -> None:
        attempts.append(message.attempts)
        if len(attempts) < 10:
            raise ConnectionError

    consumer = queue.consumer(1, away, AtOnce())
    for _ in range(12):
        idle(consumer)
        bench.clock.advance(1.1)

    assert attempts == [1] * 10
    assert (queue.counts.rejected, queue.counts.done) == (9, 1)


CHECKS: tuple[Check, ...] = (
    messages_are_processed_in_order_and_are_gone,
    the_queue_gives_the_id,
    what_is_rolled_back_was_never_added,
    at_most_size_are_fetched_and_held,
    no_two_consumers_hold_a_message,
    a_rejected_message_comes_again_later_and_dies_in_the_end,
    messages_of_one_key_keep_their_order,
    who_is_alive_keeps_what_it_holds_however_long_it_takes,
    what_a_dead_consumer_held_is_processed_by_another_one,
    one_that_comes_back_changes_nothing_and_is_counted,
    what_was_claimed_unknown_to_its_consumer_is_processed,
    effects_commit_with_the_acknowledgement,
    the_effects_of_a_lost_lease_do_not_commit,
    a_part_of_the_effects_commits_only_while_the_lease_holds,
    the_same_process_name_again_is_another_consumer,
    many_abandoned_behind_many_that_are_held_are_processed,
    many_that_wait_for_one_of_their_key_hide_nothing,
    a_clock_that_is_wrong_delays_nothing_for_long,
    a_fault_does_not_count_as_an_attempt,
)
