"""From SQLite to PostgreSQL, with all data."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result

from app import Settings, assemble
from catalog.application import commands as catalog
from catalog.application import handlers as catalog_handlers
from catalog.domain.value_objects import OpeningStock, ProductName
from shared_kernel.dead_letters import store as dead_letters
from shared_kernel.domain.sku import Sku
from shared_kernel.operations.database_cli import database_group
from shared_kernel.queues.jobs import SOURCE
from shared_kernel.queues.sql import SqlQueue
from shared_kernel.runtime.running import RunningServices
from shared_kernel.storage.database import Database
from shared_kernel.storage.served_files import ServedFiles
from tests.databases import OWNERS, Databases, Files, FileTemplates, Schemas
from tests.shared_kernel.events.builders import an_envelope
from tests.simulation.laws import violations
from tests.storehouses import run

pytestmark = pytest.mark.server

HELD = {
    "catalog": ("products", "event_log", "idempotency_keys", "dead_letters"),
    "catalog_read": ("product_listing", "dead_letters"),
    "inventory": ("stock_items", "reservations", "shipments", "event_log"),
    "inventory_read": ("stock_movements",),
}


@pytest.fixture
def files(file_templates: FileTemplates, tmp_path: Path) -> Files:
    return file_templates.new(tmp_path / "files")


def opened(databases: Databases) -> RunningServices:
    return assemble(Settings.from_environment(databases.environment))


def register(storehouse: RunningServices, sku: str) -> int:
    command = catalog.RegisterProduct(
        sku=Sku(sku), name=ProductName("Lamp"), opening_stock=OpeningStock(3)
    )
    handler = catalog_handlers.register_product
    position = storehouse.context("catalog").writer.execute(handler, command).position
    storehouse.workers.run_until_idle()
    return position


def copy(schemas: Schemas, sources: Sequence[str]) -> Result:
    storehouse = opened(schemas)
    every = [each for service in storehouse.services for each in service.schemas]
    given = [word for source in sources for word in ("--from", source)]
    try:
        return run(database_group(every), "copy", *given)
    finally:
        storehouse.stop()


def held(databases: Databases) -> dict[str, list[tuple[object, ...]]]:
    found = {}
    for owner, tables in HELD.items():
        for table in tables:
            # Without columns that only one kind of database has.
            columns = (
                "position, id, type, key, time_us, traceparent, data"
                if table == "event_log"
                else "*"
            )
            rows = databases.rows(owner, f"SELECT {columns} FROM {table}")
            found[f"{owner}.{table}"] = sorted(rows, key=str)
    return found


def test_everything_is_copied_and_continues_there(
    files: Files, schemas: Schemas
) -> None:
    before = opened(files)
    for number in range(20):
        register(before, f"LAMP-{number}")
    before.workers.hand_back()
    before.stop()

    moved = copy(schemas, [f"{owner}={files.url(owner)}" for owner in OWNERS])

    assert moved.exit_code == 0, moved.output
    assert (
        "catalog: 20 event_log, 1 log_identity, 1 log_relays, 20 products"
        in moved.output
    )
    assert held(schemas) == held(files)
    after = opened(schemas)
    assert register(after, "LAMP-20") == 21
    assert violations(schemas) == []
    after.stop()


def dead_letter(url: str) -> int:
    """Make a dead letter; return its number."""
    with closing(Database(url)) as database:
        with database.writing() as connection:
            number = len(dead_letters.listed(connection)) + 1
            letter = an_envelope(number)
            dead_letters.add(
                connection,
                "listing",
                [letter],
                state="dead",
                reason="x",
                attempts=1,
                now_us=1,
            )
        with database.reading() as connection:
            return dead_letters.listed(connection)[-1].number


def test_numbers_of_dead_letters_continue(files: Files, schemas: Schemas) -> None:
    assert dead_letter(files.url("catalog")) == 1

    moved = copy(schemas, [f"catalog={files.url('catalog')}"])

    assert moved.exit_code == 0, moved.output
    assert dead_letter(schemas.url("catalog")) == 2


def test_numbers_of_jobs_continue_beyond_those_of_dead_ones(
    files: Files, schemas: Schemas
) -> None:
    """A dead letter of a queue becomes the job with its number again."""
    with closing(Database(files.url("catalog"))) as database:
        queue = SqlQueue("work", database, consumer="one")
        queue.add("greet", "a")
        with database.writing() as connection:
            dead_letters.add(
                connection,
                "work",
                [an_envelope(7, source=SOURCE)],
                state="dead",
                reason="x",
                attempts=1,
                now_us=1,
            )

    moved = copy(schemas, [f"catalog={files.url('catalog')}"])

    assert moved.exit_code == 0, moved.output
    with closing(Database(schemas.url("catalog"))) as database:
        SqlQueue("work", database, consumer="one").add("greet", "b")
    numbers = schemas.rows("catalog", "SELECT number FROM jobs ORDER BY number")
    assert numbers == [(1,), (8,)]


def test_existing_data_is_not_overwritten(files: Files, schemas: Schemas) -> None:
    opened(files).stop()
    there = opened(schemas)
    register(there, "LAMP-1")
    there.stop()

    refused = copy(schemas, [f"catalog={files.url('catalog')}"])

    assert refused.exit_code == 1
    assert "has data in" in refused.output
    assert "name an empty database" in refused.output


def test_a_source_that_is_served_is_refused(files: Files, schemas: Schemas) -> None:
    served, storehouse = ServedFiles(), opened(files)
    served.claim(storehouse.context("catalog").databases, several=False)

    refused = copy(schemas, [f"catalog={files.url('catalog')}"])

    assert refused.exit_code == 1
    assert "is served by another process" in refused.output
    served.release()
    storehouse.stop()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("sales=sqlite:///x.db", "OWNER one of catalog"),
        ("catalog=sqlite:///nowhere.db", "there is no sqlite:///nowhere.db"),
        ("catalog=mysql://x", "a SQLite URL with a file"),
    ],
)
def test_an_invalid_source_is_refused(schemas: Schemas, source: str, said: str) -> None:
    refused = copy(schemas, [source])

    assert refused.exit_code == 2
    assert said in refused.output
