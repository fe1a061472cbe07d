"""What a rehearsal says of the contexts' dead letters is what a replay then does."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from catalog.adapters.new_products import NewProducts
from catalog.application.commands import RegisterProduct
from catalog.application.handlers import register_product
from catalog.domain.value_objects import OpeningStock, ProductName
from features.drivers.faulty import append
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import Delivery
from shared_kernel.dead_letters.selection import Selection
from shared_kernel.domain.sku import Sku
from shared_kernel.queues.consumer import Consumer
from shared_kernel.repair.rehearsed import Rehearsed
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.repair.trying import APPENDED, BOOKKEEPING
from shared_kernel.runtime.running import RunningServices
from shared_kernel.storage.database import Database
from shared_kernel.storage.watching import watched
from tests.databases import Databases
from tests.queues import consumer_of, let_the_dead_go, work_off
from tests.shared_kernel.queues.builders import Heard, Later
from tests.storehouses import a_storehouse
from tests.web_clients import Shop, a_shop

pytestmark = pytest.mark.proof_on("postgresql")

SHOWN = {"name": "Desk lamp", "status": "listed", "version": 2}
Rows = dict[str, list[str]]


@pytest.fixture
def storehouse(databases: Databases) -> Iterator[RunningServices]:
    with a_storehouse(databases) as storehouse:
        register = RegisterProduct(
            sku=Sku("LAMP-0001"),
            name=ProductName("Lamp"),
            description=None,
            price=None,
            opening_stock=OpeningStock(5),
        )
        storehouse.context("catalog").writer.execute(register_product, register)
        storehouse.workers.run_until_idle()
        yield storehouse


def letters_of(storehouse: RunningServices, database: str) -> DeadLetters:
    (found,) = [
        each.dead_letters[database]
        for each in storehouse.services
        if database in each.dead_letters
    ]
    return found


def publish(storehouse: RunningServices, type_: str, **data: Any) -> None:
    append(storehouse.context("catalog").log, type_, data.pop("sku"), data)
    storehouse.runtime.on_commit()
    storehouse.workers.run_until_idle()


def correct(letters: DeadLetters, **fields: Any) -> None:
    """The only letter gets these fields, too."""
    (letter,) = letters.list()
    data = json.loads(letter.envelope.data) | fields
    letters.edit(letter.number, json.dumps(data).encode(), why="they were missing")


def rows_of(database: Database) -> Rows:
    """Of each table, without what each replay fills anew, in any order."""
    with database.trial() as connection, watched(connection) as changes:
        found = {}
        for table in sa.inspect(connection).get_table_names():
            if table in BOOKKEEPING or table.startswith("product_search"):
                continue
            rows = connection.execute(sa.text(f"SELECT * FROM {table}"))
            found[table] = sorted(_told(table, row._asdict()) for row in rows)
        assert changes.taken() == []
    return found


def _told(table: str, row: Mapping[str, Any]) -> str:
    kept = {
        name: int(value) if isinstance(value, bool) else value
        for name, value in row.items()
        if name not in APPENDED.get(table, ())
    }
    return repr(sorted(kept.items()))


def with_changes(rows: Rows, rehearsed: Rehearsed) -> Rows:
    rows = {table: list(those) for table, those in rows.items()}
    for change in rehearsed.changes:
        table = change.table.name
        if change.before is not None:
            rows[table].remove(_told(table, change.before))
        if change.after is not None:
            rows[table].append(_told(table, change.after))
    return {table: sorted(those) for table, those in rows.items()}


def check(letters: DeadLetters) -> Rehearsed:
    """A replay does what the rehearsal says, and a rehearsal nothing."""
    before = rows_of(letters.database)
    (rehearsed,) = letters.rehearse(Selection())
    assert rows_of(letters.database) == before

    assert letters.replay(rehearsed.letter.number) == rehearsed.applied

    assert rows_of(letters.database) == with_changes(before, rehearsed)
    return rehearsed


def its_workers_die(shop: Shop) -> None:
    """Of the only job, again and again, until it is a dead letter."""
    queue = shop.storehouse.queues[0].queue
    for _ in range(queue.settings.max_attempts):
        assert queue.consumer(1, Heard(), Later()).step() == 1
        let_the_dead_go(shop.storehouse)
        shop.clock.advance(1)
    end_all(consumer_of(shop.storehouse))


def end_all(consumer: Consumer) -> None:
    consumer.step()
    consumer.settle()
    consumer.end()


def changed(rehearsed: Rehearsed) -> list[tuple[str, str]]:
    return [(each.table.name, each.kind) for each in rehearsed.changes]


def test_of_the_listing(storehouse: RunningServices) -> None:
    publish(storehouse, "product.renamed", sku="LAMP-0001", name="Desk lamp")
    publish(storehouse, "product.renamed", sku="LAMP-0001", **SHOWN | {"name": "Last"})
    letters = letters_of(storehouse, "catalog_read")
    first = letters.rehearse_letter(1)
    assert first.failure
    assert first.failure.field == "status"
    (_, parked) = letters.list()
    letters.edit(1, json.dumps({"sku": "LAMP-0001", **SHOWN}).encode(), why="x")

    rehearsed = check(letters)

    assert rehearsed.behind == 1
    (change,) = rehearsed.changes
    assert change.key == {"code": "LAMP-0001"}
    assert change.changed["name"] == ("Lamp", "Last")
    assert change.changed["last_updated_us"][1] == parked.envelope.time_us


def test_of_a_policy_whose_command_publishes_events(
    storehouse: RunningServices,
) -> None:
    publish(storehouse, "product.inserted", sku="LAMP-0002", **SHOWN)
    letters = letters_of(storehouse, "inventory")
    correct(letters, stock_count=7, version=1)

    rehearsed = check(letters)

    assert changed(rehearsed) == [("stock_items", "added"), ("event_log", "added")]
    published = rehearsed.changes[1].after
    assert published
    assert (published["type"], published["key"]) == ("stock.opened", "LAMP-0002")


def test_of_a_message_that_registers_a_product(storehouse: RunningServices) -> None:
    jobs = storehouse.context("catalog").background_jobs
    worker = next(each for each in jobs if isinstance(each, NewProducts))
    message = Envelope(
        0, "1", "", "new.product", "", 1, None, b'{"sku":"LAMP-0003","stock_count":1}'
    )
    worker.deliver(Delivery([message]))
    worker.step()
    letters = letters_of(storehouse, "catalog")
    correct(letters, name="Lamp")

    rehearsed = check(letters)

    assert changed(rehearsed) == [("products", "added"), ("event_log", "added")]


def test_of_a_job_which_is_tried_as_its_worker_does_it(
    storehouse: RunningServices,
) -> None:
    (consumed,) = storehouse.queues
    consumed.queue.add("new.product", '{"sku": "LAMP-0004", "stock_count": 3}')
    end_all(consumer_of(storehouse))
    letters = letters_of(storehouse, "catalog")
    (failing,) = letters.rehearse(Selection())
    assert failing.failure
    assert failing.failure.error_type == "UnprocessableError"
    assert "/name: is required" in failing.failure.message
    correct(letters, name="Lamp")
    before = rows_of(letters.database)

    (rehearsed,) = letters.rehearse(Selection())

    assert changed(rehearsed) == [("products", "added"), ("event_log", "added")]
    assert rows_of(letters.database) == before
    letters.replay(rehearsed.letter.number)
    work_off(storehouse)
    assert rows_of(letters.database) == with_changes(before, rehearsed)


def test_of_a_part_of_an_import(tmp_path: Path) -> None:
    with a_shop(tmp_path) as shop:
        lamps = b"sku,name\nLAMP-0005,Desk lamp\nLAMP  6,Lamp\nLAMP-0007,Floor lamp\n"
        shop.client.post("/products/imports", data=lamps, content_type="text/csv")
        its_workers_die(shop)
        letters = letters_of(shop.storehouse, "catalog")
        before = rows_of(letters.database)

        (rehearsed,) = letters.rehearse(Selection())

        assert rehearsed.succeeds
        assert Counter(changed(rehearsed)) == {
            ("products", "added"): 2,
            ("event_log", "added"): 2,
            ("product_import_refusals", "added"): 1,
            ("product_import_parts", "changed"): 1,
        }
        assert rows_of(letters.database) == before
