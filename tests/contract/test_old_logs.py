"""Logs of every earlier release are read.

By subscriptions, rebuilds, feeds and compaction; `tests/old_logs.py` keeps them.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import CONTEXTS
from inventory.read_model import stock_movements
from shared_kernel.dead_letters.letter import DeadLetter
from shared_kernel.events.compaction import Compaction
from shared_kernel.events.versions import NEWEST, number_of, subject_of
from shared_kernel.operations.releases import folder_of, released
from shared_kernel.runtime.context import versions_of
from shared_kernel.runtime.running import RunningServices
from shared_kernel.serving.application import web_application
from tests.catalog.listings import listed, rows_of_listing
from tests.old_logs import FOLDER, keep, restore, rows_of
from tests.storehouses import a_storehouse, run

RELEASES = sorted(FOLDER.iterdir())
LANGUAGES = [
    (context.name, release, set(schemas))
    for context in CONTEXTS
    for release, schemas in released(folder_of(context)).items()
]


@pytest.fixture(params=RELEASES, ids=lambda release: release.name)
def release(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.param
    return folder


@pytest.fixture
def storehouse(release: Path, tmp_path: Path) -> Iterator[RunningServices]:
    """Its logs are those of the release; nothing has read them yet."""
    with a_storehouse(tmp_path) as running:
        restore(running, release)
        yield running


def read_on(storehouse: RunningServices) -> None:
    """All that only reads: no subscription that adds events to a log."""
    for service in storehouse.services:
        for subscription in service.subscriptions:
            if service.name != "inventory" or subscription.source == "inventory":
                while subscription.step():
                    pass


def letters(storehouse: RunningServices) -> list[DeadLetter]:
    return [
        letter
        for service in storehouse.services
        for kept in service.dead_letters.values()
        for letter in kept.list()
    ]


@pytest.mark.parametrize(("context", "version", "language"), LANGUAGES)
def test_the_log_of_a_release_has_every_event_of_its_language(
    context: str, version: str, language: set[str]
) -> None:
    types = {row["type"] for row in rows_of(FOLDER / version, context)}

    newest = {subject_of(each): each for each in sorted(language, key=number_of)}
    assert types == set(newest.values())


@pytest.mark.slow
def test_a_log_that_is_kept_today_has_every_event(tmp_path: Path) -> None:
    keep(tmp_path)

    for context in CONTEXTS:
        types = {row["type"] for row in rows_of(tmp_path, context.name)}
        versions = versions_of([context])
        # A context made since then has to be played as well.
        if types:
            newest = {s for s in context.published if not versions.is_outdated(s)}
            assert types == newest


def test_every_subscription_reads_an_old_log(
    storehouse: RunningServices, release: Path
) -> None:
    read_on(storehouse)

    assert letters(storehouse) == []
    (lamp,) = listed(storehouse)
    rows = [row for row in rows_of(release, "inventory") if row["key"] == "LAMP-0001"]
    last = json.loads(rows[-1]["data"])["availability"]
    assert (lamp["name"], lamp["availability"]) == ("Desk lamp, brass", last)
    _, movements = storehouse.service("inventory").databases
    with movements.reading() as connection:
        shown = stock_movements.page(connection, "LAMP-0001", 1000, 100)
    told = [row["position"] for row in json.loads(shown.body)]
    assert told == [row["position"] for row in rows][::-1]


def test_a_rebuild_of_an_old_log_comes_to_the_same_listing(
    storehouse: RunningServices,
) -> None:
    read_on(storehouse)
    before = rows_of_listing(storehouse)

    ended = run(storehouse.service("catalog-queries").cli, "rebuild-listing")

    assert (ended.exit_code, rows_of_listing(storehouse)) == (0, before)
    assert letters(storehouse) == []


def test_an_old_log_can_be_compacted(storehouse: RunningServices) -> None:
    read_on(storehouse)
    before = rows_of_listing(storehouse)
    inventory = storehouse.context("inventory")

    compaction = Compaction(inventory.log, inventory.log.head(), inventory.dated)
    while compaction.step():
        pass
    assert compaction.deleted

    run(storehouse.service("catalog-queries").cli, "rebuild-listing")
    assert rows_of_listing(storehouse) == before


def test_inventory_opens_stock_for_the_products_of_an_old_log(
    release: Path, tmp_path: Path
) -> None:
    with a_storehouse(tmp_path) as storehouse:
        restore(storehouse, release)
        (followed,) = [
            each
            for each in storehouse.service("inventory").subscriptions
            if each.source == "catalog"
        ]
        while followed.step():
            pass

        assert letters(storehouse) == []
        client = web_application(storehouse).test_client()
        assert client.get("/stock?id=LAMP-0001").json == {"quantity": 12}


def test_a_feed_gives_an_old_log_unchanged_and_in_its_newest_version(
    storehouse: RunningServices, release: Path
) -> None:
    client = web_application(storehouse).test_client()

    for context in CONTEXTS:
        rows = rows_of(release, context.name)
        path = f"/events/{context.name}?limit=1000"
        oldest = json.loads(client.get(path).data)
        newest = json.loads(client.get(f"{path}&version={NEWEST}").data)

        assert [each["id"] for each in newest] == [row["id"] for row in rows]
        assert [each["id"] for each in oldest] == [row["id"] for row in rows]
        for each in newest:
            assert each["type"] in context.published
            assert not storehouse.runtime.versions.is_outdated(each["type"])
        for each in oldest:
            assert number_of(each["type"]) == 1
