"""Of queues over brokers that deliver again: hurried, wiped, and one job a message.

Each check gets a bench (`broker_benches.py`) with a clean database and broker.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy.engine import Connection
from structlog.testing import capture_logs

from shared_kernel.clock import system_clock
from shared_kernel.dead_letters.store import listed
from shared_kernel.queues.bodies import hint_of
from shared_kernel.queues.consumer import Processed
from shared_kernel.queues.port import Message
from shared_kernel.queues.redelivering import Broker
from shared_kernel.queues.sql import SqlQueue
from tests.cluster import wait_until
from tests.shared_kernel.queues.broker_benches import (
    ORIGIN,
    BrokerBench,
    arrived,
    is_there,
    threads,
)
from tests.shared_kernel.queues.builders import Heard, Later, consuming, idle

Check = Callable[[BrokerBench], None]
PRODUCT = b'{"name": "Desk lamp", "sku": "LAMP-0001", "stock_count": 5}'
EVENT = {"specversion": "1.0", "source": "/till", "id": "7", "type": "new.product"}


def an_idle_consumer_is_woken_by_what_another_process_adds(bench: BrokerBench) -> None:
    here, elsewhere = (bench.queue(name, system_clock) for name in ("here", "there"))
    heard = Heard()
    is_there(here)
    # The sweep of the rows would find it within a second, too.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(here, "_rows_are_due", lambda: False)
        patch.setattr(here, "_claim_rows", lambda *_: [])
        here.start_consuming(5, 60, heard)
        for n in range(5):
            elsewhere.add("greet", str(n))
        wait_until(lambda: len(heard.messages) == 5, "the messages")
        here.stop()

    assert sorted(heard.payloads) == list("01234")
    assert here.entries.rows >= 5
    assert here.entries.foreign == 0


def what_other_programs_send_becomes_jobs(bench: BrokerBench) -> None:
    """The payload alone, an envelope as rmq's, or a CloudEvent."""
    queue = bench.queue()
    is_there(queue)
    envelope = {"id": "1", "name": "stocktake", "payload": "é"}
    bench.place.send(PRODUCT)
    bench.place.send(json.dumps(envelope).encode())
    bench.place.send(json.dumps(EVENT | {"data": {"sku": "B"}}).encode())
    consumer, heard = consuming(queue)

    for _ in range(30):
        arrived_or_none(bench, queue)
        idle(consumer)
        if len(heard.messages) == 3:
            break

    assert sorted((each.name, each.payload) for each in heard.messages) == [
        ("greet", PRODUCT.decode()),
        ("new.product", '{"sku": "B"}'),
        ("stocktake", "é"),
    ]
    assert queue.entries.foreign == 3


def arrived_or_none(bench: BrokerBench, queue: object) -> None:
    """One request for messages."""
    queue.channel.arm()  # type: ignore[attr-defined]
    queue.channel.read()  # type: ignore[attr-defined]


def what_comes_in_is_a_row_before_the_broker_may_forget_it(bench: BrokerBench) -> None:
    queue = bench.queue()
    is_there(queue)
    bench.place.send(PRODUCT)
    arrived(queue)
    consumer = queue.consumer(5, Heard(), Later())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue.channel, "settle", lambda *_: None)
        consumer.step()

    assert [each.message.payload for each in queue.first(9)] == [PRODUCT.decode()]
    bench.place.wipe()
    assert queue.depth().in_flight == 1


def what_is_a_row_is_acknowledged(bench: BrokerBench) -> None:
    queue = bench.queue(ack_wait_s=1)
    is_there(queue)
    bench.place.send(PRODUCT)
    consumer, heard = consuming(queue)
    arrived(queue)
    idle(consumer)
    queue.channel.read()
    begun_s = time.monotonic()

    while time.monotonic() < begun_s + 2:
        arrived_or_none(bench, queue)
        idle(consumer)

    assert len(heard.messages) == 1
    assert (queue.entries.foreign, queue.entries.repeated) == (1, 0)


def one_that_is_delivered_again_is_one_job(bench: BrokerBench) -> None:
    """A worker died between its commit and its acknowledgement."""
    dead, other = (bench.queue(name, ack_wait_s=1) for name in ("dead", "other"))
    is_there(dead)
    bench.place.send(PRODUCT)
    arrived(dead)
    gone, first = consuming(dead)
    idle(gone)
    assert first.payloads == [PRODUCT.decode()]

    arrived(other)
    consumer, second = consuming(other)
    idle(consumer)

    assert second.payloads == []
    assert (other.entries.foreign, other.entries.repeated) == (1, 1)
    assert other.depth().waiting == other.depth().in_flight == 0


def one_that_was_no_row_yet_is_delivered_to_another(bench: BrokerBench) -> None:
    """A worker died between receiving it and its commit."""
    dead, other = (bench.queue(name, ack_wait_s=1) for name in ("dead", "other"))
    is_there(dead)
    bench.place.send(PRODUCT)
    arrived(dead)

    arrived(other)
    consumer, heard = consuming(other)
    idle(consumer)

    assert heard.payloads == [PRODUCT.decode()]


def who_ends_gives_back_what_it_has_at_once(bench: BrokerBench) -> None:
    ending, other = bench.queue("ending"), bench.queue("other")
    is_there(ending)
    bench.place.send(PRODUCT)
    arrived(ending)
    begun_s = time.monotonic()

    ending.lease.end()
    arrived(other)
    consumer, heard = consuming(other)
    idle(consumer)

    assert heard.payloads == [PRODUCT.decode()]
    assert time.monotonic() - begun_s < 15


def it_may_be_unknown_whether_it_became_a_row(bench: BrokerBench) -> None:
    """The answer to the commit was lost."""
    exchange, lost = SqlQueue.exchange, [True]

    def once_lost(
        queue: SqlQueue, processed: list[Processed], most: int, floor: int
    ) -> list[Message]:
        claimed = exchange(queue, processed, most, floor)
        if lost.pop() if lost else False:
            raise ConnectionError("the answer is lost")
        return claimed

    queue = bench.queue(ack_wait_s=1)
    is_there(queue)
    bench.place.send(PRODUCT)
    arrived(queue)
    consumer, heard = consuming(queue)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqlQueue, "exchange", once_lost)
        with pytest.raises(ConnectionError):
            consumer.step()
    for _ in range(3):
        arrived_or_none(bench, queue)
        bench.clock.advance(1)
        idle(consumer)

    assert heard.payloads == [PRODUCT.decode()]


def the_same_event_is_one_job_and_equal_messages_are_two(bench: BrokerBench) -> None:
    """Source and id make an event the same (CloudEvents 1.0, §3.1)."""
    queue = bench.queue()
    is_there(queue)
    for _ in range(2):
        bench.place.send(json.dumps(EVENT | {"data": 1}).encode())
        bench.place.send(b'{"tick": 1}')
    consumer, heard = consuming(queue)
    for _ in range(30):
        arrived_or_none(bench, queue)
        idle(consumer)
        if queue.entries.foreign >= 4:
            break

    assert sorted(heard.payloads) == ["1", '{"tick": 1}', '{"tick": 1}']
    assert queue.entries.repeated == 1


def what_is_no_json_is_kept_for_an_operator(bench: BrokerBench) -> None:
    queue = bench.queue()
    is_there(queue)
    bench.place.send(b"not json")
    arrived(queue)
    consumer, heard = consuming(queue)
    heard.failing = {"not json"}

    for _ in range(4):
        idle(consumer)
        bench.clock.advance(5)

    with bench.database.reading() as connection:
        (letter,) = listed(connection)
    assert (letter.envelope.type, letter.envelope.data) == ("greet", b"not json")


def wiped_while_messages_wait_it_loses_none_of_ours(bench: BrokerBench) -> None:
    queue = bench.queue()
    is_there(queue)
    payloads = [str(n) for n in range(30)]
    for payload in payloads:
        queue.add("n", payload)
    consumer, heard = consuming(queue, 4)
    consumer.step()
    bench.place.wipe()

    idle(consumer)
    bench.clock.advance(1)
    idle(consumer)
    assert sorted(heard.payloads, key=int) == payloads

    # By whatever asks for it next.
    is_there(queue)
    bench.place.send(PRODUCT)

    def is_heard() -> bool:
        arrived_or_none(bench, queue)
        idle(consumer)
        return heard.payloads[-1] == PRODUCT.decode()

    wait_until(is_heard, "what another program sends then")


def rows_of_another_database_are_dropped_and_it_is_said_once(
    bench: BrokerBench,
) -> None:
    queue = bench.queue()
    is_there(queue)
    for _ in range(2):
        bench.place.send(hint_of(Message(name="n", payload="", id="1"), "another"))
    consumer, heard = consuming(queue)

    with capture_logs() as logs:
        for _ in range(30):
            arrived_or_none(bench, queue)
            idle(consumer)
            if queue.entries.strange == 2:
                break

    assert heard.payloads == []
    assert queue.entries.strange == 2
    assert [log["origin"] for log in logs if "origin" in log] == ["another"]


def a_false_id_of_a_row_changes_nothing(bench: BrokerBench) -> None:
    queue = bench.queue()
    is_there(queue)
    bench.place.send(hint_of(Message(name="n", payload="", id="no such"), ORIGIN))
    arrived(queue)
    consumer, heard = consuming(queue)

    idle(consumer)

    assert heard.payloads == []
    assert queue.entries.stale == 1


def while_it_is_paused_nothing_is_received(bench: BrokerBench) -> None:
    queue = bench.queue(clock=system_clock)
    is_there(queue)
    queue.pause()
    heard = Heard()
    queue.start_consuming(5, 0.05, heard)
    bench.place.send(PRODUCT)
    threading.Event().wait(0.5)
    received = queue.entries.foreign, len(queue.channel._arrived)
    queue.resume()
    wait_until(lambda: heard.payloads == [PRODUCT.decode()], "the message")
    queue.stop()

    assert received == (0, 0)


def a_stop_is_prompt_and_closing_leaves_no_thread(bench: BrokerBench) -> None:
    before = threads()
    queue = bench.queue(clock=system_clock)
    queue.start_consuming(5, 0.05, Heard())
    is_there(queue)
    for n in range(20):
        queue.add("n", str(n))
    begun_s = time.monotonic()

    queue.stop()
    queue.close()

    assert time.monotonic() - begun_s < 4
    wait_until(lambda: threads() <= before, "the end of the threads")


def no_request_is_made_in_a_transaction(bench: BrokerBench) -> None:
    """Law 8."""
    queue, open_in, asked = bench.queue(), set[int](), list[bool]()
    is_there(queue)
    writing, ask = bench.database.writing, queue.channel.link.ask

    @contextmanager
    def watched() -> Iterator[Connection]:
        with writing() as connection:
            open_in.add(threading.get_ident())
            try:
                yield connection
            finally:
                open_in.discard(threading.get_ident())

    def counted(request: Callable[[Broker], Any]) -> Any:
        asked.append(threading.get_ident() in open_in)
        return ask(request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench.database, "writing", watched)
        patch.setattr(queue.channel.link, "ask", counted)
        queue.add("n", "ours")
        bench.place.send(PRODUCT)
        arrived(queue)
        consumer, heard = consuming(queue)
        idle(consumer)
        consumer.end()
    assert PRODUCT.decode() in heard.payloads

    assert asked
    assert not any(asked)


def a_purge_empties_it(bench: BrokerBench) -> None:
    queue = bench.queue()
    is_there(queue)
    bench.place.send(PRODUCT)
    queue.add("n", "a")

    assert queue.purge() == 1

    begun_s = time.monotonic()
    while time.monotonic() < begun_s + 0.5:
        arrived_or_none(bench, queue)
    consumer, heard = consuming(queue)
    idle(consumer)
    assert heard.payloads == []


CHECKS: tuple[Check, ...] = (
    an_idle_consumer_is_woken_by_what_another_process_adds,
    what_other_programs_send_becomes_jobs,
    what_comes_in_is_a_row_before_the_broker_may_forget_it,
    what_is_a_row_is_acknowledged,
    one_that_is_delivered_again_is_one_job,
    one_that_was_no_row_yet_is_delivered_to_another,
    who_ends_gives_back_what_it_has_at_once,
    it_may_be_unknown_whether_it_became_a_row,
    the_same_event_is_one_job_and_equal_messages_are_two,
    what_is_no_json_is_kept_for_an_operator,
    wiped_while_messages_wait_it_loses_none_of_ours,
    rows_of_another_database_are_dropped_and_it_is_said_once,
    a_false_id_of_a_row_changes_nothing,
    while_it_is_paused_nothing_is_received,
    a_stop_is_prompt_and_closing_leaves_no_thread,
    no_request_is_made_in_a_transaction,
    a_purge_empties_it,
)
