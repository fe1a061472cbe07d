"""What every work queue does: at least once, one consumer at a time, fenced.

Each check gets a bench (`builders.py`) with a clean database.
"""

from collections.abc import Callable, Sequence

import pytest
from sqlalchemy.engine import Connection

from shared_kernel.dead_letters.store import listed
from shared_kernel.queues.consumer import Processed
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
    added_us = bench.clock.us
    bench.clock.advance(5)

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
    first_us, last_us = letter.since_us, letter.last_us
    assert (last_us - first_us) / 1_000_000 == pytest.approx(3.2)
    assert letter.envelope.time_us == added_us
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


def claims_begin_at_the_first_row_once_a_second(bench: Bench) -> None:
    """Otherwise they begin behind what was claimed before."""
    queue, floors = bench.queue(), list[int]()
    for n in range(20):
        queue.add("greet", str(n))
    consumer, _ = consuming(queue, 5)
    exchange = queue.exchange

    def seen(processed: Sequence[Processed], most: int, floor: int) -> list[Message]:
        floors.append(floor)
        return exchange(processed, most, floor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue, "exchange", seen)
        idle(consumer)
        before = floors[:]
        bench.clock.advance(1)
        consumer.step()

    assert before[:4] == [0, 5, 10, 15]
    assert 0 not in before[1:]
    assert floors[-1] == 0


def a_message_is_due_whatever_the_clock_of_who_adds_it(bench: Bench) -> None:
    ahead = ManualClock()
    ahead.advance(60)
    bench.queue("ahead", ahead).add("greet", "a")
    consumer, heard = consuming(bench.queue())

    consumer.step()

    assert heard.payloads == ["a"]


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
    many_that_wait_for_one_of_their_key_hide_nothing,
    claims_begin_at_the_first_row_once_a_second,
    a_message_is_due_whatever_the_clock_of_who_adds_it,
    a_clock_that_is_wrong_delays_nothing_for_long,
    a_fault_does_not_count_as_an_attempt,
)
