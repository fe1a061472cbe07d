"""A storehouse with compacted logs behaves as before."""

import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
import click
import pytest
from click.testing import Result

from shared_kernel.dead_letters import store
from shared_kernel.dead_letters.letter import DEAD
from shared_kernel.events.cursors import overtake, place_of
from shared_kernel.events.entries import Entry
from tests.catalog.listings import listed, rows_of_listing
from tests.databases import Databases, Templates
from tests.storehouses import ON_EACH_DATABASE, a_copy_of, commands_of, run
from tests.web_clients import Shop, a_shop

pytestmark = pytest.mark.proof_on("postgresql")

SKUS = [f"LAMP-{number}" for number in range(6)]
BROKEN = b'{"sku":"LAMP-0","name":"Lamp"}'


@attrs.frozen
class History:
    databases: Databases
    ended: datetime


@pytest.fixture(scope="module", params=ON_EACH_DATABASE)
def history(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[History]:
    """Made once, since it takes seconds, and copied for each test."""
    postgresql = request.param == "postgresql"
    name = "postgres_templates" if postgresql else "file_templates"
    templates: Templates = request.getfixturevalue(name)
    databases = templates.new(tmp_path_factory.mktemp("history"))
    with a_shop(databases) as shop:
        for sku in SKUS:
            shop.register(sku)
        trade(shop, random.Random(7), 150)
        ended = shop.clock.now
    yield History(databases, ended)
    templates.drop(databases)


@pytest.fixture
def databases(history: History, tmp_path: Path) -> Iterator[Databases]:
    with a_copy_of(history.databases, tmp_path / "databases") as copy:
        yield copy


@pytest.fixture
def shop(history: History, databases: Databases) -> Iterator[Shop]:
    """Which has a history."""
    with a_shop(databases) as shop:
        shop.clock.now = history.ended
        yield shop


def trade(shop: Shop, chance: random.Random, commands: int) -> None:
    """Some are refused."""
    for number in range(commands):
        sku, few = chance.choice(SKUS), chance.randint(1, 6)
        price = {"minor_units": few, "currency": "EUR"}
        count = {"on_hand": few // 2, "reason": "seen"}
        correction = {"difference": few - 3 or 1, "reason": "found"}
        method, path, body = chance.choice(
            [
                ("PUT", f"/products/{sku}/name", {"name": f"Lamp {few}"}),
                ("PUT", f"/products/{sku}/price", price),
                ("POST", f"/products/{sku}/discontinue", None),
                ("POST", f"/products/{sku}/relist", None),
                ("POST", f"/stock/{sku}/receipts", {"quantity": few}),
                ("POST", f"/stock/{sku}/counts", count),
                ("POST", f"/stock/{sku}/corrections", correction),
                ("PUT", f"/stock/{sku}/reservations/{number}", {"quantity": few}),
                ("PUT", f"/stock/{sku}/reorder-point", {"pieces": few}),
            ]
        )
        answer = shop.client.open(path, method=method, json=body)
        assert answer.status_code in {200, 201, 204, 409}, answer.text
        shop.clock.advance(chance.choice([0, 1, 60]))
        shop.settle()


def command(shop: Shop, group: str) -> click.Group:
    return commands_of(shop.storehouse, group)


def compact(shop: Shop, *options: str) -> Result:
    result = run(command(shop, "events"), "compact", "--keep-days", "0", *options)
    assert result.exit_code == 0, result.output
    return result


def rebuild(shop: Shop) -> None:
    assert run(command(shop, "catalog"), "rebuild-listing").exit_code == 0


def kept(shop: Shop) -> dict[str, list[int]]:
    return {
        source: [
            event.position
            for event in shop.storehouse.context(source).log.read(0, 10_000)
        ]
        for source in heads(shop)
    }


def heads(shop: Shop) -> dict[str, int]:
    """Of the logs with a history."""
    heads = {each.log.source: each.log.head() for each in shop.storehouse.writing}
    return {source: head for source, head in heads.items() if head}


def levels(shop: Shop) -> list[Any]:
    return [shop.client.get(f"/stock/{sku}").get_json() for sku in SKUS]


@pytest.mark.slow
def test_compaction_deletes_most_events_and_keeps_the_heads(shop: Shop) -> None:
    before = heads(shop)

    compact(shop)

    assert heads(shop) == before
    for source, positions in kept(shop).items():
        assert len(positions) < before[source] / 2
        assert len(positions) <= 5 * len(SKUS)


def test_the_listing_is_rebuilt_unchanged(shop: Shop) -> None:
    before = rows_of_listing(shop.storehouse)

    compact(shop)
    rebuild(shop)

    assert rows_of_listing(shop.storehouse) == before


def test_a_subscription_that_begins_anew_reaches_the_same_state(shop: Shop) -> None:
    before = rows_of_listing(shop.storehouse)
    compact(shop)
    with (
        shop.storehouse.service("catalog-queries").databases[0].writing() as connection
    ):
        connection.exec_driver_sql("DELETE FROM product_listing")
        connection.exec_driver_sql("UPDATE subscription_cursors SET position = 0")

    shop.clock.advance(10)
    shop.settle()

    assert rows_of_listing(shop.storehouse) == before


def test_an_inventory_that_begins_anew_opens_and_retires_the_same_items(
    databases: Databases, shop: Shop, tmp_path: Path
) -> None:
    expected = [level["availability"] == "retired" for level in levels(shop)]
    assert len(set(expected)) == 2
    compact(shop)
    (tmp_path / "new").mkdir()

    with a_shop(tmp_path / "new", catalog_database_url=databases.url("catalog")) as new:
        new.clock.advance(3600 * 24)
        new.settle()

        assert [level["availability"] == "retired" for level in levels(new)] == expected


@pytest.mark.parametrize("source", ["catalog", "inventory"])
def test_the_feed_continues_across_compacted_positions(shop: Shop, source: str) -> None:
    compact(shop)
    path, positions = f"/events/{source}?after=0&limit=3", []

    while page := (answer := shop.client.get(path)).get_json():
        positions += [event["position"] for event in page]
        path = answer.headers["Link"].partition("<")[2].partition(">")[0]

    assert [int(each) for each in positions] == kept(shop)[source]


def test_new_events_follow_the_head(shop: Shop) -> None:
    before = heads(shop)
    compact(shop)

    shop.register("NEW-1")

    assert heads(shop) == {source: head + 1 for source, head in before.items()}
    assert listed(shop.storehouse)[-1]["availability"] == "in_stock"
    after = rows_of_listing(shop.storehouse)
    rebuild(shop)
    assert rows_of_listing(shop.storehouse) == after


def test_trade_goes_on_between_compactions(shop: Shop) -> None:
    chance = random.Random(8)
    for _ in range(3):
        trade(shop, chance, 20)
        compact(shop)
    before = rows_of_listing(shop.storehouse)

    rebuild(shop)

    assert rows_of_listing(shop.storehouse) == before


def test_a_subscription_that_is_behind_finds_all_it_has_to_read(shop: Shop) -> None:
    reader = shop.storehouse.service("catalog-queries").subscriptions[0]
    with reader.cursor.database.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE subscription_cursors SET position = 9 WHERE source = 'catalog'"
        )
    following = [position for position in kept(shop)["catalog"] if position > 9]

    told = compact(shop).output

    assert "catalog: catalog.listing has come to position 9\n" in told
    assert [each for each in kept(shop)["catalog"] if each > 9] == following


def test_a_product_with_dead_letters_keeps_its_history(shop: Shop) -> None:
    log = shop.storehouse.context("catalog").log
    renamed = b'{"sku":"LAMP-0","name":"New","status":"listed","version":99}'
    with log.database.writing() as connection:
        entries = [
            Entry("product.renamed", "LAMP-0", data, None) for data in (BROKEN, renamed)
        ]
        log.append(connection, entries, shop.clock.us)
    shop.clock.advance(10)
    shop.settle()
    assert (
        len(
            shop.storehouse.service("catalog-queries")
            .dead_letters["catalog_read"]
            .list()
        )
        == 2
    )
    before = rows_of_listing(shop.storehouse)
    whole = [event.id for event in log.read(0, 10_000) if event.key == "LAMP-0"]

    compact(shop)
    rebuild(shop)

    assert rows_of_listing(shop.storehouse) == before
    assert [e.id for e in log.read(0, 10_000) if e.key == "LAMP-0"] == whole


def test_what_was_discarded_is_not_all_that_is_left(shop: Shop) -> None:
    """A rebuild passes over the newest events of a product."""
    log = shop.storehouse.context("catalog").log
    kept = shop.storehouse.service("catalog-queries").dead_letters["catalog_read"]
    renamed = '{"sku":"LAMP-0","name":"Bad %d","status":"listed","version":%d}'
    entries = [
        Entry("product.renamed", "LAMP-0", (renamed % (n, n)).encode(), None)
        for n in range(90, 92)
    ]
    head = log.head()
    with log.database.writing() as connection:
        log.append(connection, entries, shop.clock.us)
    log.settle()
    events = log.read(head, len(entries))
    with kept.database.writing() as connection:
        overtake(connection, "catalog.listing", "catalog", place_of(events[-1]))
        store.add(
            connection,
            "catalog.listing",
            events,
            state=DEAD,
            reason="KeyError: of ours",
            attempts=5,
            now_us=1,
        )
    for letter in kept.list():
        kept.discard(letter.number, who="ada", why="never meant")
    shop.clock.advance(10)
    shop.settle()
    before = rows_of_listing(shop.storehouse)

    compact(shop)
    rebuild(shop)

    assert rows_of_listing(shop.storehouse) == before
