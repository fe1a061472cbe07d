"""A message that registers a product, from a program that waits for no answer."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import pytest

from catalog.adapters.new_product_letters import NewProductLetters
from catalog.adapters.new_products import NewProducts
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import Delivery
from shared_kernel.dead_letters.letter import DeadLetter, StillFailingError
from shared_kernel.runtime.running import RunningServices
from shared_kernel.storage.database import Database
from tests.cluster import wait_until
from tests.databases import Databases, Schemas
from tests.storehouses import a_storehouse

pytestmark = pytest.mark.proof_on("postgresql")

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
LAMP = {"name": "Desk lamp", "sku": "LAMP-0001", "stock_count": 5}


@pytest.fixture
def storehouse(databases: Databases) -> Iterator[RunningServices]:
    with a_storehouse(databases) as storehouse:
        yield storehouse


def a_message(content: object = LAMP, id_: str = "1") -> Envelope:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Envelope(0, id_, "", "new.product", "", 1, TRACE, data)


def worker_of(storehouse: RunningServices) -> NewProducts:
    jobs = storehouse.context("catalog").background_jobs
    return next(each for each in jobs if isinstance(each, NewProducts))


@attrs.define
class Answers:
    given: list[str] = attrs.field(factory=list)

    def delivery(self, *messages: Envelope) -> Delivery:
        return Delivery(
            messages,
            lambda: self.given.append("acknowledged"),
            lambda: self.given.append("rejected"),
        )


def send(storehouse: RunningServices, *messages: Envelope) -> list[str]:
    """How the deliveries were answered."""
    answers, worker = Answers(), worker_of(storehouse)
    for message in messages:
        worker.deliver(answers.delivery(message))
        worker.step()
    return answers.given


def registered(storehouse: RunningServices) -> list[tuple[str, str | None]]:
    return [
        (e.key, e.traceparent) for e in storehouse.context("catalog").log.read(0, 100)
    ]


def letters(storehouse: RunningServices) -> list[DeadLetter]:
    return storehouse.context("catalog").dead_letters["catalog"].list()


def test_a_message_registers_a_product_in_its_trace(
    storehouse: RunningServices,
) -> None:
    assert send(storehouse, a_message()) == ["acknowledged"]

    assert registered(storehouse) == [("LAMP-0001", TRACE)]
    assert letters(storehouse) == []


def test_a_message_accepts_what_a_request_accepts(storehouse: RunningServices) -> None:
    price = {"minor_units": 1999, "currency": "EUR"}
    send(storehouse, a_message({**LAMP, "price": price, "description": "Warm."}))

    (event,) = storehouse.context("catalog").log.read(0, 1)
    said = json.loads(event.data)
    assert (said["price_minor_units"], said["description"]) == (1999, "Warm.")


def test_a_message_on_the_bus_reaches_the_worker(storehouse: RunningServices) -> None:
    storehouse.workers.step()
    storehouse.runtime.bus.publish([a_message()])
    storehouse.workers.run_until_idle()

    assert registered(storehouse) == [("LAMP-0001", TRACE)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no JSON", "JSON is malformed"),
        (b"\xff\xfe", "new.product: "),
        (b"", "new.product: "),
        ({"sku": "LAMP-0001", "stock_count": 5}, "/name: is required"),
        (
            {**LAMP, "stock_count": "5"},
            "/stock_count: expected integer",
        ),
        ({**LAMP, "stock_count": -1}, "/stock_count: expected at least 0"),
        ({**LAMP, "sku": "LAMP  1"}, "sku"),
        ({**LAMP, "sku": "LAMP/movements"}, "'/movements' has a meaning in our URLs"),
        ({**LAMP, "colour": "red"}, "/colour: no such field"),
        (b'{"name":"a","sku":"A","sku":"B","stock_count":1}', "/sku: the key"),
        ({**LAMP, "price": {"minor_units": 1, "currency": "XXX"}}, "currency"),
    ],
)
def test_a_refused_message_is_dead_lettered_with_the_reason(
    storehouse: RunningServices, content: object, reason: str
) -> None:
    message = a_message(content)
    assert send(storehouse, message) == ["acknowledged"]

    (letter,) = letters(storehouse)
    assert reason in letter.reason
    assert letter.envelope.data == message.data
    assert registered(storehouse) == []


def test_an_id_that_a_database_cannot_store_does_not_stop_other_messages(
    storehouse: RunningServices,
) -> None:
    """A foreign program may write anything to a header."""
    answers = send(storehouse, a_message(b"no JSON", "a\0b"), a_message())

    assert answers == ["acknowledged"] * 2
    assert len(letters(storehouse)) == len(registered(storehouse)) == 1


def test_a_sku_of_another_product_is_refused(storehouse: RunningServices) -> None:
    send(storehouse, a_message(), a_message({**LAMP, "name": "Floor lamp"}, "2"))

    (letter,) = letters(storehouse)
    assert "LAMP-0001 is already registered as 'Desk lamp'" in letter.reason


def test_a_redelivered_message_changes_nothing(
    storehouse: RunningServices,
) -> None:
    bad = a_message(b"no JSON", "2")
    answers = send(storehouse, a_message(), a_message(), bad, bad)

    assert answers == ["acknowledged"] * 4
    assert len(registered(storehouse)) == 1
    assert len(letters(storehouse)) == 1


def test_senders_with_the_same_ids_lose_no_message(
    storehouse: RunningServices,
) -> None:
    one = [a_message(b"no JSON of one: %d" % each, str(each)) for each in range(20)]
    two = [a_message(b"no JSON of two: %d" % each, str(each)) for each in range(25)]

    send(storehouse, *one, *two)

    kept = [letter.envelope.data for letter in letters(storehouse)]
    assert kept == [message.data for message in (*one, *two)]


def test_messages_are_distinguished_by_source_too(storehouse: RunningServices) -> None:
    bad = a_message(b"no JSON", "1")
    senders = ["https://erp.example", "https://till.example", ""]

    send(storehouse, *(attrs.evolve(bad, source=each) for each in senders * 2))

    ids = [letter.envelope.id for letter in letters(storehouse)]
    assert ids == ["https://erp.example 1", "https://till.example 1", "1"]


def test_the_key_of_a_letter_is_its_sku(storehouse: RunningServices) -> None:
    send(storehouse, a_message({**LAMP, "stock_count": -1}), a_message(b"{}", "2"))
    send(storehouse, a_message({**LAMP, "sku": "LAMP\n1"}, "3"))

    kept = letters(storehouse)
    assert [each.envelope.key for each in kept] == ["LAMP-0001", "", ""]
    assert [each.failure and each.failure.field for each in kept] == [
        "stock_count",
        "name",
        "sku",
    ]


BROKEN = {**LAMP, "stock_count": -1}


def test_later_messages_of_its_sku_wait_behind_it_and_others_do_not(
    storehouse: RunningServices,
) -> None:
    other = a_message({**LAMP, "sku": "LAMP-0002"}, "4")
    later = [a_message(LAMP, "2"), a_message(b"no JSON", "3"), other]
    send(storehouse, a_message(BROKEN), *later, *later)

    kept = letters(storehouse)
    assert [(each.envelope.id, each.state) for each in kept] == [
        ("1", "dead"),
        ("2", "parked"),
        ("3", "dead"),
    ]
    assert [sku for sku, _ in registered(storehouse)] == ["LAMP-0002"]

    assert storehouse.context("catalog").dead_letters["catalog"].discard(1) == 1
    storehouse.context("catalog").log.settle()

    assert [sku for sku, _ in registered(storehouse)] == ["LAMP-0002", "LAMP-0001"]
    assert [each.envelope.id for each in letters(storehouse)] == ["3"]


def test_what_is_repaired_meanwhile_holds_up_nothing(
    storehouse: RunningServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(storehouse, a_message(BROKEN))
    park = NewProductLetters.park
    kept = storehouse.context("catalog").dead_letters["catalog"]

    def discard_before(of: NewProductLetters, message: Envelope) -> bool:
        kept.discard(1)
        return park(of, message)

    monkeypatch.setattr(NewProductLetters, "park", discard_before)

    assert send(storehouse, a_message(LAMP, "2")) == ["acknowledged"]
    assert len(registered(storehouse)) == 1
    assert letters(storehouse) == []


def test_a_letter_of_before_is_known_when_its_message_comes_again(
    storehouse: RunningServices,
) -> None:
    """Its key was the sender, and its id that of the message alone."""
    bad = attrs.evolve(a_message(BROKEN), source="https://erp.example")
    send(storehouse, bad)
    with storehouse.context("catalog").databases[0].writing() as connection:
        connection.exec_driver_sql(
            "UPDATE dead_letters SET id = '1', key = 'https://erp.example'"
        )

    send(storehouse, bad)

    assert len(letters(storehouse)) == 1


def test_a_registration_that_is_skipped_is_logged(
    storehouse: RunningServices, capsys: pytest.CaptureFixture[str]
) -> None:
    send(storehouse, a_message(), a_message({**LAMP, "stock_count": 9}, "2"))

    assert letters(storehouse) == []
    assert "stock_count is not compared" in capsys.readouterr().out


def test_a_repeated_refusal_is_logged(
    storehouse: RunningServices, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = a_message(b"no JSON", "2")
    send(storehouse, bad, bad)

    assert capsys.readouterr().out.count("new product refused again") == 1


def test_a_fault_of_the_infrastructure_dead_letters_nothing(
    storehouse: RunningServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Database) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(Database, "writing", fail)
        assert send(storehouse, a_message()) == ["rejected"]
    assert letters(storehouse) == []

    assert send(storehouse, a_message()) == ["acknowledged"]
    assert len(registered(storehouse)) == 1


def test_a_message_that_fails_for_any_other_reason_is_dead_lettered_too(
    storehouse: RunningServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("a bug of ours")

    monkeypatch.setattr("catalog.adapters.new_products.register_product", fail)

    assert send(storehouse, a_message()) == ["acknowledged"]
    (letter,) = letters(storehouse)
    assert "a bug of ours" in letter.reason


def test_a_letter_is_replayed_once_its_command_succeeds(
    storehouse: RunningServices,
) -> None:
    send(storehouse, a_message(), a_message({**LAMP, "name": "Floor lamp"}, "2"))
    kept = storehouse.context("catalog").dead_letters["catalog"]
    with pytest.raises(StillFailingError, match="already registered"):
        kept.replay(1)

    rename = "UPDATE products SET name = 'Floor lamp'"
    with storehouse.context("catalog").databases[0].writing() as connection:
        connection.exec_driver_sql(rename)

    assert kept.replay(1) == 1
    assert letters(storehouse) == []


def test_a_stop_leaves_no_delivery_unanswered(storehouse: RunningServices) -> None:
    answers, worker = Answers(), worker_of(storehouse)
    worker.step()
    worker.deliver(answers.delivery(a_message(), a_message({**LAMP, "sku": "B"}, "2")))
    worker.deliver(answers.delivery(a_message(b"no JSON", "3")))

    worker.stop()

    assert answers.given == ["acknowledged"] * 2
    assert len(registered(storehouse)) == 2


@pytest.mark.server
def test_what_parks_while_an_operator_discards_is_not_left_alone(
    schemas: Schemas, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL, where both may be at it: one of them waits for the other."""
    is_at_it, may_go_on = threading.Event(), threading.Event()
    add = NewProductLetters._add

    def add_slowly(*arguments: Any) -> bool:
        is_at_it.set()
        assert may_go_on.wait(20)
        return add(*arguments)

    def is_waited_for() -> bool:
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            f" AND datname = '{schemas.database}'"
        )
        ((count,),) = schemas.server.execute(schemas.database, waiting)
        return bool(count)

    with a_storehouse(schemas) as storehouse, ThreadPoolExecutor(2) as threads:
        send(storehouse, a_message(BROKEN))
        monkeypatch.setattr(NewProductLetters, "_add", add_slowly)
        parking = threads.submit(send, storehouse, a_message(LAMP, "2"))
        assert is_at_it.wait(20)
        kept = storehouse.context("catalog").dead_letters["catalog"]
        discarding = threads.submit(kept.discard, 1)
        wait_until(is_waited_for, "the operator's transaction")
        may_go_on.set()

        assert parking.result(20) == ["acknowledged"]
        assert discarding.result(20) == 1
        storehouse.context("catalog").log.settle()
        assert [sku for sku, _ in registered(storehouse)] == ["LAMP-0001"]
        assert letters(storehouse) == []
