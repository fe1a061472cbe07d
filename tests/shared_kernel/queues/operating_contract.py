"""What every work queue does for operators, and in the background.

Each check gets a bench (`builders.py`) with a clean database.
"""

import threading

from shared_kernel.clock import system_clock
from shared_kernel.queues.port import Message
from shared_kernel.queues.settling import SOURCE
from shared_kernel.repair.replay import DeadLetters
from tests.cluster import wait_until
from tests.shared_kernel.queues.builders import (
    Bench,
    Heard,
    Later,
    consuming,
    idle,
)
from tests.shared_kernel.queues.queue_contract import Check


def a_paused_queue_is_not_consumed(bench: Bench) -> None:
    queue, operator = bench.queue(), bench.queue()
    queue.add("greet", "a")
    consumer, heard = consuming(queue)

    assert (operator.pause(), operator.pause()) == (True, False)
    assert consumer.step() == 0
    assert operator.paused_since_us() is not None
    assert (operator.resume(), operator.resume()) == (True, False)
    idle(consumer)

    assert heard.payloads == ["a"]


def a_purge_leaves_what_is_in_flight(bench: Bench) -> None:
    queue, pool = bench.queue(), Later()
    for payload in "abc":
        queue.add("greet", payload)
    queue.consumer(1, Heard(), pool).step()

    assert queue.purge() == 2

    assert (queue.depth().waiting, queue.depth().in_flight) == (0, 1)


def a_dead_message_can_be_added_again(bench: Bench) -> None:
    queue = bench.queue()
    queue.add_message(Message(name="greet", payload="bad", key="k"))
    consumer, heard = consuming(queue)
    heard.failing = {"bad"}
    for _ in range(3):
        idle(consumer)
        bench.clock.advance(5)
    letters = DeadLetters(bench.database, {("work", SOURCE): queue.replay})
    (letter,) = letters.list()
    heard.failing = set()

    letters.replay(letter.number)
    idle(consumer)

    assert (heard.messages[-1].payload, heard.messages[-1].key) == ("bad", "k")
    assert heard.messages[-1].attempts == 1
    assert letters.list() == []


def a_sequence_that_is_added_again_stays_a_sequence(bench: Bench) -> None:
    """river#971: there a retry let all of it run at once."""
    queue, payloads = bench.queue(), ["1", "2", "3"]
    for payload in payloads:
        queue.add_message(Message(name="greet", payload=payload, key="k"))
    consumer, heard = consuming(queue)
    heard.failing = set(payloads)
    for _ in range(9):
        idle(consumer)
        bench.clock.advance(5)
    letters = DeadLetters(bench.database, {("work", SOURCE): queue.replay})
    assert [each.envelope.data.decode() for each in letters.list()] == payloads

    for letter in letters.list():
        letters.replay(letter.number)
    pool, again = Later(), Heard()
    consumer = queue.consumer(10, again, pool)
    for _ in payloads:
        bench.clock.advance(1)
        consumer.step()
        assert len(pool.waiting) == 1
        pool.run()

    assert again.payloads == payloads


def in_the_background_it_returns_at_once_and_stops_when_all_is_settled(
    bench: Bench,
) -> None:
    queue = bench.queue(clock=system_clock)
    begun, go_on = threading.Event(), threading.Event()
    done: list[str] = []

    def slowly(message: Message) -> None:
        begun.set()
        go_on.wait(20)
        done.append(message.payload)

    queue.start_consuming(2, 0.05, slowly)
    for payload in "abc":
        queue.add("greet", payload)
    assert begun.wait(20)
    stopping = threading.Thread(target=queue.stop)
    stopping.start()
    go_on.set()
    stopping.join(20)

    assert not stopping.is_alive()
    assert len(done) >= 1
    assert queue.depth().in_flight == 0
    assert queue.depth().waiting == 3 - len(done)


def competing_consumers_process_each_message_once(bench: Bench) -> None:
    queues = [bench.queue(f"c{n}", clock=system_clock) for n in range(3)]
    heard: list[str] = []
    with bench.database.writing() as connection:
        messages = [Message(name="n", payload=str(n)) for n in range(500)]
        queues[0].add_within(connection, messages)

    for queue in queues:
        queue.start_consuming(20, 0.02, lambda message: heard.append(message.payload))
    wait_until(lambda: len(heard) == 500, "processing")
    for queue in queues:
        queue.stop()

    assert sorted(heard, key=int) == [str(n) for n in range(500)]
    assert queues[0].depth().waiting == queues[0].depth().in_flight == 0


CHECKS: tuple[Check, ...] = (
    a_paused_queue_is_not_consumed,
    a_purge_leaves_what_is_in_flight,
    a_dead_message_can_be_added_again,
    a_sequence_that_is_added_again_stays_a_sequence,
    in_the_background_it_returns_at_once_and_stops_when_all_is_settled,
    competing_consumers_process_each_message_once,
)
