"""A queue of rows: at least once, one consumer at a time, and fenced."""

import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.events.cursors import cursors_table
from shared_kernel.events.dead_letters import dead_letters_table, listed
from shared_kernel.events.replay import DeadLetters
from shared_kernel.queues import jobs
from shared_kernel.queues.consumer import Consumer
from shared_kernel.queues.jobs import (
    job_consumers_table,
    jobs_table,
    paused_queues_table,
)
from shared_kernel.queues.lease import BEAT_US, LEASE_US
from shared_kernel.queues.port import Message
from shared_kernel.queues.sql import SOURCE, QueueSettings, SqlQueue
from shared_kernel.storage.database import Database
from tests.cluster import wait_until
from tests.databases import Databases
from tests.shared_kernel.events.builders import ManualClock

_metadata = sa.MetaData()
for table in (
    jobs_table,
    job_consumers_table,
    paused_queues_table,
    dead_letters_table,
    cursors_table,
):
    table(_metadata)


class AtOnce:
    """Runs what is submitted before it returns."""

    def submit(self, run: Callable[[Message], None], message: Message) -> None:
        run(message)


class Later:
    """Runs what was submitted when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], object]] = []

    def submit(self, run: Callable[[Message], None], message: Message) -> None:
        self.waiting.append(partial(run, message))

    def run(self) -> None:
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            each()


@pytest.fixture
def database(databases: Databases) -> Iterator[Database]:
    database = Database(databases.url("new"))
    with database.maintaining() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS new")
        _metadata.create_all(connection)
    yield database
    database.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def a_queue(database: Database, clock: ManualClock, consumer: str = "one") -> SqlQueue:
    settings = QueueSettings(max_attempts=3, backoff_s=1)
    return SqlQueue(
        "work",
        database,
        consumer=consumer,
        settings=settings,
        clock=clock,
        jitter=lambda: 1.0,
    )


class Heard:
    """A callback that keeps what it was given, and fails on request."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.failing: set[str] = set()

    def __call__(self, message: Message) -> None:
        self.messages.append(message)
        if message.payload in self.failing:
            raise ValueError(message.payload)

    @property
    def payloads(self) -> list[str]:
        return [message.payload for message in self.messages]


def consuming(queue: SqlQueue, size: int = 10) -> tuple[Consumer, Heard]:
    heard = Heard()
    return queue.consumer(size, heard, AtOnce()), heard


def idle(consumer: Consumer) -> None:
    while consumer.step():
        pass


def test_messages_are_processed_in_order_and_are_gone(
    database: Database, clock: ManualClock
) -> None:
    queue = a_queue(database, clock)
    added = [queue.add("greet", payload) for payload in "abc"]
    consumer, heard = consuming(queue)

    assert consumer.step() == 3
    idle(consumer)

    assert heard.payloads == ["a", "b", "c"]
    assert [message.id for message in heard.messages] == [each.id for each in added]
    assert {message.attempts for message in heard.messages} == {1}
    assert queue.depth().waiting == queue.depth().in_flight == 0


def test_the_queue_gives_the_id(database: Database, clock: ManualClock) -> None:
    queue = a_queue(database, clock)

    added = queue.add_message(Message(name="greet", payload="a", id="mine", attempts=7))

    assert added.id != "mine"
    assert added.attempts == 0


def test_what_is_rolled_back_was_never_added(
    database: Database, clock: ManualClock
) -> None:
    """Law 1: a job commits with what caused it, or neither does."""
    queue = a_queue(database, clock)

    def refused(connection: Connection) -> None:
        queue.add_within(connection, [Message(name="greet", payload="a")])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        refused(connection)

    assert queue.depth().waiting == 0


def test_at_most_size_are_fetched_and_held(
    database: Database, clock: ManualClock
) -> None:
    queue, pool = a_queue(database, clock), Later()
    for payload in "abcde":
        queue.add("greet", payload)
    heard = Heard()
    consumer = queue.consumer(2, heard, pool)

    assert (consumer.step(), consumer.step()) == (2, 0)
    assert (queue.depth().waiting, queue.depth().in_flight) == (3, 2)
    pool.run()
    consumer.step()
    assert (queue.depth().waiting, queue.depth().in_flight) == (1, 2)


def test_no_two_consumers_hold_a_message(
    database: Database, clock: ManualClock
) -> None:
    pool = Later()
    one, two = (a_queue(database, clock, name) for name in ("one", "two"))
    for payload in "abcdef":
        one.add("greet", payload)
    heard = Heard()
    consumers = [each.consumer(3, heard, pool) for each in (one, two)]

    assert [consumer.step() for consumer in consumers] == [3, 3]
    pool.run()

    assert sorted(heard.payloads) == list("abcdef")


def test_a_rejected_message_comes_again_later_and_dies_in_the_end(
    database: Database, clock: ManualClock
) -> None:
    queue = a_queue(database, clock)
    queue.add("greet", "bad")
    consumer, heard = consuming(queue)
    heard.failing = {"bad"}

    idle(consumer)
    clock.advance(0.9)
    assert consumer.step() == 0
    for wait_s in (0.2, 2.1):
        clock.advance(wait_s)
        idle(consumer)

    assert [message.attempts for message in heard.messages] == [1, 2, 3]
    assert queue.depth().waiting == 0
    with database.reading() as connection:
        (letter,) = listed(connection)
    assert (letter.subscription, letter.envelope.data) == ("work", b"bad")
    assert (letter.reason, letter.attempts) == ("ValueError: bad", 3)


def test_messages_of_one_key_keep_their_order(
    database: Database, clock: ManualClock
) -> None:
    queue = a_queue(database, clock)
    for payload, key in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("c", None)):
        queue.add_message(Message(name="greet", payload=payload, key=key))
    consumer, heard = consuming(queue)
    heard.failing = {"a1"}

    idle(consumer)
    assert heard.payloads == ["a1", "b1", "c"]
    heard.failing = set()
    clock.advance(1.5)
    idle(consumer)

    assert heard.payloads[3:] == ["a1", "a2"]


def test_who_is_alive_keeps_what_it_holds_however_long_it_takes(
    database: Database, clock: ManualClock
) -> None:
    pool = Later()
    slow, other = (a_queue(database, clock, name) for name in ("slow", "other"))
    slow.add("greet", "a")
    heard = Heard()
    working, waiting = (each.consumer(1, heard, pool) for each in (slow, other))
    assert working.step() == 1

    for _ in range(10 * LEASE_US // BEAT_US):
        clock.advance(BEAT_US / 1_000_000)
        working.step()
        assert waiting.step() == 0
    pool.run()
    working.step()

    assert heard.payloads == ["a"]
    assert slow.counts.done == 1


def test_what_a_dead_consumer_held_is_processed_by_another_one(
    database: Database, clock: ManualClock
) -> None:
    dead, other = (a_queue(database, clock, name) for name in ("dead", "other"))
    dead.add("greet", "a")
    dead.consumer(1, Heard(), Later()).step()
    consumer, heard = consuming(other)

    for _ in range(LEASE_US // BEAT_US):
        consumer.step()
        assert heard.payloads == []
        clock.advance(BEAT_US / 1_000_000)
    consumer.step()

    assert [(each.payload, each.attempts) for each in heard.messages] == [("a", 2)]


def test_one_that_comes_back_changes_nothing_and_is_counted(
    database: Database, clock: ManualClock
) -> None:
    pool = Later()
    stopped, other = (a_queue(database, clock, name) for name in ("stopped", "other"))
    stopped.add("greet", "a")
    late = stopped.consumer(1, Heard(), pool)
    late.step()
    consumer, heard = consuming(other)
    heard.failing = {"a"}
    for _ in range(LEASE_US // BEAT_US + 2):
        clock.advance(BEAT_US / 1_000_000)
        consumer.step()
    assert heard.payloads == ["a"]

    pool.run()
    late.step()

    assert (stopped.counts.done, stopped.counts.lost_leases) == (0, 1)
    assert other.depth().waiting == 1


def test_effects_commit_with_the_acknowledgement(
    database: Database, clock: ManualClock
) -> None:
    queue = a_queue(database, clock)
    queue.add("greet", "a")

    def work(message: Message) -> None:
        with database.writing() as connection:
            if message.name == "greet":
                queue.add_within(connection, [Message(name="effect", payload="b")])
            queue.acknowledge(connection, message)

    idle(queue.consumer(1, work, AtOnce()))

    assert (queue.counts.done, queue.counts.lost_leases) == (2, 0)


def test_the_effects_of_a_lost_lease_do_not_commit(
    database: Database, clock: ManualClock
) -> None:
    queue = a_queue(database, clock)
    queue.add("greet", "a")

    def work(message: Message) -> None:
        with database.writing() as connection:
            assert message.receipt is not None
            jobs.leave(connection, message.receipt.consumer)
        with database.writing() as connection:
            queue.add_within(connection, [Message(name="effect", payload="b")])
            queue.acknowledge(connection, message)

    consumer = queue.consumer(1, work, AtOnce())
    consumer.step()
    consumer.settle()

    assert (queue.counts.done, queue.counts.lost_leases) == (0, 1)
    assert [each.message.payload for each in queue.first(9)] == ["a"]


def test_a_paused_queue_is_not_consumed(database: Database, clock: ManualClock) -> None:
    queue, operator = a_queue(database, clock), a_queue(database, clock)
    queue.add("greet", "a")
    consumer, heard = consuming(queue)

    assert (operator.pause(), operator.pause()) == (True, False)
    assert consumer.step() == 0
    assert operator.paused_since_us() is not None
    assert (operator.resume(), operator.resume()) == (True, False)
    idle(consumer)

    assert heard.payloads == ["a"]


def test_a_purge_leaves_what_is_in_flight(
    database: Database, clock: ManualClock
) -> None:
    queue, pool = a_queue(database, clock), Later()
    for payload in "abc":
        queue.add("greet", payload)
    queue.consumer(1, Heard(), pool).step()

    assert queue.purge() == 2

    assert (queue.depth().waiting, queue.depth().in_flight) == (0, 1)


def test_a_dead_message_can_be_added_again(
    database: Database, clock: ManualClock
) -> None:
    queue = a_queue(database, clock)
    queue.add_message(Message(name="greet", payload="bad", key="k"))
    consumer, heard = consuming(queue)
    heard.failing = {"bad"}
    for _ in range(3):
        idle(consumer)
        clock.advance(5)
    letters = DeadLetters(database, {("work", SOURCE): queue.replay})
    (letter,) = letters.list()
    heard.failing = set()

    letters.replay(letter.number)
    idle(consumer)

    assert (heard.messages[-1].payload, heard.messages[-1].key) == ("bad", "k")
    assert heard.messages[-1].attempts == 1
    assert letters.list() == []


def test_in_the_background_it_returns_at_once_and_stops_when_all_is_settled(
    database: Database,
) -> None:
    queue = SqlQueue("work", database, consumer="one")
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


def test_competing_consumers_process_each_message_once(database: Database) -> None:
    queues = [SqlQueue("work", database, consumer=f"c{n}") for n in range(3)]
    heard: list[str] = []
    with database.writing() as connection:
        messages = [Message(name="n", payload=str(n)) for n in range(500)]
        queues[0].add_within(connection, messages)

    for queue in queues:
        queue.start_consuming(20, 0.02, lambda message: heard.append(message.payload))
    wait_until(lambda: len(heard) == 500, "processing")
    for queue in queues:
        queue.stop()

    assert sorted(heard, key=int) == [str(n) for n in range(500)]
    assert queues[0].depth().waiting == queues[0].depth().in_flight == 0
