"""Edited letters are checked by who reads them: events, `new.product`, jobs."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from catalog.application import commands, handlers
from catalog.domain.value_objects import OpeningStock, ProductName
from shared_kernel.buses.envelope import Envelope
from shared_kernel.dead_letters import store
from shared_kernel.dead_letters.letter import DEAD, DeadLetter
from shared_kernel.domain.sku import Sku
from shared_kernel.events.entries import Entry
from shared_kernel.repair.payloads import InvalidPayloadError
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.runtime.running import RunningServices
from tests.catalog.test_new_products import LAMP, a_message, registered, send
from tests.databases import Databases
from tests.queues import work_off
from tests.storehouses import a_storehouse

pytestmark = pytest.mark.proof_on("postgresql")

RENAMED = {
    "name": "Floor lamp",
    "sku": "LAMP-0001",
    "description": None,
    "price_minor_units": None,
    "price_currency": None,
    "status": "listed",
    "version": 2,
}


@pytest.fixture
def storehouse(databases: Databases) -> Iterator[RunningServices]:
    with a_storehouse(databases) as storehouse:
        yield storehouse


def letters_of(storehouse: RunningServices, database: str) -> DeadLetters:
    return next(
        service.dead_letters[database]
        for service in storehouse.services
        if database in service.dead_letters
    )


def the_letter(letters: DeadLetters) -> DeadLetter:
    (letter,) = letters.list()
    return letter


def as_data(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()


def register(storehouse: RunningServices) -> None:
    command = commands.RegisterProduct(
        sku=Sku("LAMP-0001"),
        name=ProductName("Desk lamp"),
        opening_stock=OpeningStock(5),
    )
    catalog = storehouse.context("catalog")
    catalog.writer.execute(handlers.register_product, command)
    storehouse.workers.run_until_idle()


def say(storehouse: RunningServices, said: dict[str, Any]) -> None:
    """As a faulty program would write it into the log."""
    log = storehouse.context("catalog").log
    with log.database.writing() as connection:
        entry = Entry("product.renamed", "LAMP-0001", as_data(said), None)
        appended = log.append(connection, [entry], 1)
    log.settle(appended)
    storehouse.runtime.on_commit()
    storehouse.workers.run_until_idle()


def test_an_event_is_checked_by_the_schema_of_the_context_that_publishes_it(
    storehouse: RunningServices,
) -> None:
    register(storehouse)
    without_status = {k: v for k, v in RENAMED.items() if k != "status"}
    say(storehouse, without_status)
    letters = letters_of(storehouse, "catalog_read")
    letter = the_letter(letters)

    with pytest.raises(
        InvalidPayloadError,
        match=r"/status: is required.*by the schema product\.renamed\.v1\.json",
    ) as refused:
        letters.edit(letter.number, as_data(without_status | {"version": 3}))
    assert refused.value.field == "status"

    letters.edit(letter.number, as_data(RENAMED), who="ada", why="it is listed")
    assert letters.replay(letter.number) == 1
    with letters.database.reading() as connection:
        ((name,),) = connection.exec_driver_sql("SELECT name FROM product_listing")
    assert name == "Floor lamp"


def test_a_message_on_new_product_is_checked_as_a_registration(
    storehouse: RunningServices,
) -> None:
    send(storehouse, a_message(LAMP | {"stock_count": "five"}))
    letters = letters_of(storehouse, "catalog")
    number = the_letter(letters).number

    with pytest.raises(InvalidPayloadError, match="/stock_count: expected integer"):
        letters.edit(number, as_data(LAMP | {"stock_count": "6"}))
    with pytest.raises(InvalidPayloadError, match="stock_count") as refused:
        letters.edit(number, as_data(LAMP | {"stock_count": -6}))
    assert refused.value.field == "stock_count"

    letters.edit(number, as_data(LAMP), who="ada", why="a number")
    assert letters.replay(number) == 1
    storehouse.workers.run_until_idle()
    assert [key for key, _ in registered(storehouse)] == ["LAMP-0001"]


def test_a_job_is_checked_as_its_worker_reads_it(storehouse: RunningServices) -> None:
    (consumed,) = storehouse.queues
    queue = consumed.queue
    queue.add("new.product", as_data(LAMP | {"name": ""}).decode())
    work_off(storehouse)
    letters = letters_of(storehouse, "catalog")
    number = the_letter(letters).number

    with pytest.raises(InvalidPayloadError, match="/colour: no such field"):
        letters.edit(number, as_data(LAMP | {"colour": "red"}))

    letters.edit(number, as_data(LAMP), who="ada", why="it has a name")
    assert letters.requeue(number, who="ada") == 1
    assert queue.depth().waiting == 1
    work_off(storehouse)
    assert [key for key, _ in registered(storehouse)] == ["LAMP-0001"]


def test_a_part_of_an_import_stays_one_of_that_import(
    storehouse: RunningServices,
) -> None:
    letters = letters_of(storehouse, "catalog")
    part = b'{"import_id":"one","part":7}'
    envelope = Envelope(1, "1", "queue", "part", "one", 1, None, part)
    with letters.database.writing() as connection:
        store.add(
            connection,
            "new-products",
            [envelope],
            state=DEAD,
            reason="x",
            attempts=5,
            now_us=1,
        )
    letter = the_letter(letters)

    letters.check(letter, b'{"import_id":"one","part":8}')
    with pytest.raises(InvalidPayloadError, match="/import_id: expected 'one'"):
        letters.check(letter, b'{"import_id":"two","part":7}')
