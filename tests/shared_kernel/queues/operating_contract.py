"""What every work queue does for operators, and in the background.

Each check gets a bench (`builders.py`) with a clean database.
"""

import threading

import attrs

from shared_kernel.clock import system_clock
from shared_kernel.dead_letters import store
from shared_kernel.dead_letters.letter import DEAD
from shared_kernel.dead_letters.selection import Selection
from shared_kernel.events.unit_of_work import current_traceparent
from shared_kernel.queues.jobs import SOURCE
from shared_kernel.queues.port import Message, UnprocessableError
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.repair.waiting import behind, clustered
from tests.cluster import wait_until
from tests.queues import AtOnce
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
    (letter,) = letters.list()
    assert (letter.envelope.data, heard.payloads) == (b"1", ["1"] * 3)

    letters.replay(letter.number)
    queue.add_message(Message(name="greet", payload="4", key="k"))
    payloads = [*payloads, "4"]
    pool, again = Later(), Heard()
    consumer = queue.consumer(10, again, pool)
    for _ in payloads:
        bench.clock.advance(1)
        consumer.step()
        assert len(pool.waiting) == 1
        pool.run()

    assert again.payloads == payloads


def later_ones_of_a_key_wait_behind_a_dead_one_and_others_flow(bench: Bench) -> None:
    queue = bench.queue()
    for payload, key in (("bad", "k"), ("k2", "k"), ("other", "j"), ("free", None)):
        queue.add_message(Message(name="greet", payload=payload, key=key))
    consumer, heard = consuming(queue)
    heard.failing = {"bad"}
    for _ in range(3):
        idle(consumer)
        bench.clock.advance(5)
    queue.add_message(Message(name="greet", payload="k3", key="k"))
    idle(consumer)
    assert heard.payloads[-2:] == ["bad", "bad"]
    assert {*heard.payloads} == {"bad", "other", "free"}
    of = "work", SOURCE
    letters = DeadLetters(bench.database, {of: queue.replay}, queues={of: queue})
    (letter,) = letters.list()
    with bench.database.reading() as connection:
        assert behind(connection, letter) == queue.depth().waiting == 2
        (cause,) = clustered(connection, Selection())
    assert (cause.letters, cause.parked, queue.parked()) == (1, 2, 2)

    # The next look begins behind this one, unless it is told to look again.
    queue.add("greet", "last")
    idle(consumer)
    letters.discard(letter.number)
    idle(consumer)

    assert heard.payloads[-3:] == ["last", "k2", "k3"]


def a_letter_that_is_queued_again_is_processed_at_once(bench: Bench) -> None:
    """Its number is behind the floor: others were claimed since."""
    queue = bench.queue()
    for payload in ("bad", "other"):
        queue.add("greet", payload)
    consumer, heard = consuming(queue)
    heard.failing = {"bad"}
    for _ in range(3):
        idle(consumer)
        bench.clock.advance(5)
    of = "work", SOURCE
    letters = DeadLetters(bench.database, {of: queue.replay}, queues={of: queue})
    (letter,) = letters.list()
    heard.failing = set()
    queue.add("greet", "last")
    idle(consumer)

    letters.requeue(letter.number)
    idle(consumer)

    assert heard.payloads[-2:] == ["last", "bad"]
    assert letters.list() == []


def a_letter_that_was_dead_before_a_later_one_holds_up_nothing_before_it(
    bench: Bench,
) -> None:
    """As in databases of before: there were several dead ones of a key."""
    queue = bench.queue()
    for payload in ("1", "2", "3"):
        queue.add_message(Message(name="greet", payload=payload, key="k"))
    consumer, heard = consuming(queue)
    heard.failing = {"1"}
    for _ in range(3):
        idle(consumer)
        bench.clock.advance(5)
    letters = DeadLetters(bench.database, {("work", SOURCE): queue.replay})
    (first,) = letters.list()
    later = attrs.evolve(first.envelope, position=2, id="another")
    with bench.database.writing() as connection:
        store.add(
            connection,
            "work",
            [later],
            state=DEAD,
            reason="ValueError: 2",
            attempts=3,
            now_us=1,
        )
        connection.exec_driver_sql("DELETE FROM jobs WHERE number = 2")
    heard.failing = set()

    letters.replay(first.number)
    bench.clock.advance(2)
    idle(consumer)

    assert heard.payloads == ["1"] * 4
    assert [each.envelope.position for each in letters.list()] == [2]


def a_message_keeps_the_trace_of_what_caused_it(bench: Bench) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    queue, traces = bench.queue(), []
    queue.add_message(Message(name="greet", payload="a", traceparent=trace))

    def callback(message: Message) -> None:
        traces.append((message.traceparent, current_traceparent.get()))
        raise UnprocessableError

    consumer = queue.consumer(1, callback, AtOnce())
    idle(consumer)
    letters = DeadLetters(bench.database, {("work", SOURCE): queue.replay})
    (letter,) = letters.list()
    assert letter.envelope.traceparent == trace
    letters.replay(letter.number)
    bench.clock.advance(2)
    idle(consumer)

    assert traces == [(trace, trace)] * 2
    assert current_traceparent.get() is None


def what_is_queued_again_stands_before_later_ones_of_its_key(bench: Bench) -> None:
    """As new: attempts are counted from one, and the id stays."""
    queue = bench.queue()
    added = queue.add_message(Message(name="greet", payload="bad", key="k"))
    consumer, heard = consuming(queue)
    heard.failing = {"bad"}
    for _ in range(3):
        idle(consumer)
        bench.clock.advance(5)
    queue.add_message(Message(name="greet", payload="later", key="k"))
    of = "work", SOURCE
    letters = DeadLetters(
        bench.database, {of: queue.replay}, bench.clock, queues={of: queue}
    )
    (letter,) = letters.list()
    heard.failing, heard.messages = set(), []

    assert letters.requeue(letter.number, who="ada") == 1
    for _ in range(2):
        idle(consumer)
        bench.clock.advance(5)

    assert heard.payloads == ["bad", "later"]
    assert (heard.messages[0].id, heard.messages[0].attempts) == (added.id, 1)
    assert letters.list() == []
    (repair,) = letters.repairs()
    assert (repair.action, repair.who, repair.id) == ("requeued", "ada", added.id)


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
    later_ones_of_a_key_wait_behind_a_dead_one_and_others_flow,
    a_letter_that_is_queued_again_is_processed_at_once,
    a_letter_that_was_dead_before_a_later_one_holds_up_nothing_before_it,
    a_message_keeps_the_trace_of_what_caused_it,
    what_is_queued_again_stands_before_later_ones_of_its_key,
    in_the_background_it_returns_at_once_and_stops_when_all_is_settled,
    competing_consumers_process_each_message_once,
)
