"""A log that was restored from an older backup, and readers that begin anew."""

import shutil
from pathlib import Path

import pytest

from app import CONTEXTS
from catalog.application.commands import RegisterProduct
from catalog.application.handlers import register_product
from catalog.domain.value_objects import OpeningStock, ProductName
from shared_kernel.domain.sku import Sku
from shared_kernel.events.entries import Entry
from shared_kernel.operations.identity_cli import subscriptions_group
from shared_kernel.operations.observation import observe
from shared_kernel.operations.operations_cli import status_command
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.runtime.running import RunningServices
from tests.databases import Files
from tests.simulation.laws import read_log
from tests.storehouses import a_storehouse, run


def register(storehouse: RunningServices, *skus: str) -> None:
    for sku in skus:
        command = RegisterProduct(
            sku=Sku(sku), name=ProductName(sku), opening_stock=OpeningStock(3)
        )
        storehouse.context("catalog").writer.execute(register_product, command)


def work(storehouse: RunningServices) -> None:
    for _ in range(20):
        for worker in storehouse.workers.registered:
            worker.step()


def listed(databases: Files) -> list[str]:
    rows = databases.rows(
        "catalog_read",
        "SELECT code FROM product_listing WHERE registered IS NOT NULL ORDER BY code",
    )
    return [code for (code,) in rows]


@pytest.fixture
def restored(tmp_path: Path) -> Files:
    """The catalog's log lost two of three events, and got three others since."""
    databases = Files(tmp_path)
    backup = tmp_path / "backup"
    with a_storehouse(databases) as storehouse:
        register(storehouse, "A-0001")
        work(storehouse)
    (path,) = [Path(databases.url("catalog").removeprefix("sqlite:///"))]
    shutil.copy(path, backup)
    with a_storehouse(databases) as storehouse:
        register(storehouse, "B-0001", "B-0002")
        work(storehouse)
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()
    shutil.copy(backup, path)
    with a_storehouse(databases) as storehouse:
        register(storehouse, "C-0001", "C-0002", "C-0003")
    return databases


def test_readers_of_a_log_that_has_grown_again_are_refused_and_begin_anew(
    restored: Files,
) -> None:
    with a_storehouse(restored) as storehouse:
        work(storehouse)
        assert listed(restored) == ["A-0001", "B-0001", "B-0002"]
        command = status_command(storehouse.services, storehouse.runtime.clock)
        assert "was cut short and has grown again" in run(command).output
        refused = {
            (each.name, each.source)
            for service in storehouse.services
            for each in observe(service, storehouse.runtime.clock).subscriptions
            if each.refused
        }
        assert refused == {
            (each.subscription, "catalog")
            for context in CONTEXTS
            for each in context.follows
            if each.source == "catalog"
        }
        assert ("inventory.catalog", "catalog") in refused

    with a_storehouse(restored) as storehouse:
        begin = subscriptions_group(storehouse.services).commands["begin-anew"]
        rehearsed = run(begin, "--source", "catalog", "--dry-run").output
        assert (
            "inventory.catalog: would begin anew: catalog from position 3" in rehearsed
        )
        assert listed(restored) == ["A-0001", "B-0001", "B-0002"]

        done = run(begin, "--source", "catalog").output
        assert "catalog.listing: begins anew" in done
        assert "inventory.movements" not in done
        work(storehouse)

    assert listed(restored) == ["A-0001", "C-0001", "C-0002", "C-0003"]
    # A lost product keeps its stock item, and nothing is opened twice.
    events = read_log(restored, "inventory")
    opened = [each.key for each in events if each.type == "stock.opened"]
    assert sorted(opened) == ["A-0001", "B-0001", "B-0002", *listed(restored)[1:]]


UNREADABLE = b'{"sku":"A-0001","name":"Lamp"}'
READABLE = b'{"sku":"A-0001","name":"Lamp","status":"listed","version":2}'


def rename_badly(storehouse: RunningServices) -> None:
    """As only a faulty catalog would."""
    log = storehouse.context("catalog").log
    with log.database.writing() as connection:
        entry = Entry("product.renamed", "A-0001", UNREADABLE, None)
        appended = log.append(connection, [entry], 1)
    log.settle(appended)
    storehouse.workers.run_until_idle()


def begin_listing(databases: Files, *options: str) -> tuple[str, list[bytes]]:
    """What is told of the listing, and the letters when it has been read again."""
    with a_storehouse(databases) as storehouse:
        begin = subscriptions_group(storehouse.services).commands["begin-anew"]
        told = run(begin, *options).output
    with a_storehouse(databases) as storehouse:
        storehouse.workers.run_until_idle()
        letters = letters_of(storehouse).list()
    (line,) = [each for each in told.splitlines() if each.startswith("catalog.listing")]
    return line, [each.envelope.data for each in letters]


def letters_of(storehouse: RunningServices) -> DeadLetters:
    return storehouse.service("catalog-queries").dead_letters["catalog_read"]


def name_shown(databases: Files) -> str:
    ((name,),) = databases.rows("catalog_read", "SELECT name FROM product_listing")
    return str(name)


@pytest.fixture
def renamed_badly(tmp_path: Path) -> Files:
    databases = Files(tmp_path)
    with a_storehouse(databases) as storehouse:
        register(storehouse, "A-0001")
        rename_badly(storehouse)
    return databases


def test_discarded_events_stay_so_unless_asked_for(renamed_badly: Files) -> None:
    with a_storehouse(renamed_badly) as storehouse:
        letters_of(storehouse).discard(1, who="ada", why="never meant")

    told, letters = begin_listing(renamed_badly)
    assert "; 1 event still discarded" in told
    assert letters == []

    told, letters = begin_listing(renamed_badly, "--with-discarded", "--dry-run")
    assert "; 1 event no longer discarded" in told
    assert letters == []

    told, letters = begin_listing(renamed_badly, "--with-discarded")
    assert "; 1 event no longer discarded" in told
    assert letters == [UNREADABLE]


def test_edited_events_stay_so_unless_asked_otherwise(renamed_badly: Files) -> None:
    with a_storehouse(renamed_badly) as storehouse:
        letters_of(storehouse).edit(1, READABLE, who="ada", why="it is listed")
        assert letters_of(storehouse).replay(1) == 1

    told, letters = begin_listing(renamed_badly)
    assert "; 1 event still edited" in told
    assert letters == []
    assert name_shown(renamed_badly) == "Lamp"

    told, letters = begin_listing(renamed_badly, "--as-published")
    assert "; 1 event no longer edited" in told
    assert letters == [UNREADABLE]
    assert name_shown(renamed_badly) == "A-0001"
