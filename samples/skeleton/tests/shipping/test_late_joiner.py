"""A context that joins late reaches the state that it would have from the first day.

The environment variable LATE_JOINER_EVENTS is the number of events in the catalog's log
when it joins, 5,000 by default.
"""

import json
import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from catalog.adapters.tables import products
from shared_kernel.buses.envelope import Envelope
from shared_kernel.clock import moments_of, system_clock
from shared_kernel.events.compaction import Compaction
from shared_kernel.events.cursors import Cursor, Place, place_of
from shared_kernel.events.entries import Entry
from shipping.adapters.services import keep_products
from tests.cluster import SERVICES, Cluster, wait_until
from tests.cluster_client import ask
from tests.databases import Databases, FileTemplates
from tests.storehouses import a_storehouse

EVENTS = int(os.environ.get("LATE_JOINER_EVENTS", "5000"))
EVENTS_PER_PRODUCT = 50
"""Events of each product."""

BATCH = 5000
PAUSE_S = 0.05
"""Between commands, so that they do not take the time of what they go along with."""

NEW = "shipping"
SHOP = tuple(name for name in SERVICES if name != NEW)
KEPT = "SELECT sku, name, sold FROM products ORDER BY sku"
OPENED = "SELECT reference FROM parcels"
CURSOR = """
    SELECT position FROM subscription_cursors WHERE subscription = 'shipping.catalog'
"""

pytestmark = pytest.mark.server


def states(chance: random.Random, number: int) -> Iterator[dict[str, Any]]:
    """The states of one product, the first one at its registration."""
    state: dict[str, Any]
    state = {"sku": f"OLD-{number:06}", "name": "Lamp", "status": "listed"}
    state |= {"description": None, "price_minor_units": None, "price_currency": None}
    for version in range(1, EVENTS_PER_PRODUCT + 1):
        yield state | {"version": version}
        if chance.random() < 0.5:
            state["name"] = f"Lamp {chance.randrange(1000)}"
        else:
            gone = state["status"] == "discontinued"
            state["status"] = "listed" if gone else "discontinued"


def history() -> Iterator[Entry]:
    chance = random.Random(15)
    all_states = [
        states(chance, number) for number in range(EVENTS // EVENTS_PER_PRODUCT)
    ]
    for version in range(EVENTS_PER_PRODUCT):
        for product_states in all_states:
            state = next(product_states)
            subject = "product.renamed" if version else "product.inserted"
            data = state if version else state | {"stock_count": 1}
            yield Entry(subject, state["sku"], json.dumps(data).encode(), None)


def fill(databases: Databases) -> None:
    """Write the history to the catalog, as read by all subscriptions except the new."""
    entries = list(history())
    newest = {
        entry.key: json.loads(entry.data)
        for entry in entries[-EVENTS // EVENTS_PER_PRODUCT :]
    }
    with a_storehouse(databases) as storehouse:
        log = storehouse.context("catalog").log
        for begin in range(0, len(entries), BATCH):
            with log.database.writing() as connection:
                log.append(connection, entries[begin : begin + BATCH], 1_700_000_000)
            log.settle()
        rows = [row | {"folded_sku": row["sku"].lower()} for row in newest.values()]
        with log.database.writing() as connection:
            connection.execute(products.insert(), rows)
        (last,) = log.read(log.settle() - 1, 1)
        for service in storehouse.services:
            for each in service.subscriptions:
                if each.source == log.source and service.name != NEW:
                    mark_as_read(each.cursor, place_of(last))
        mark_as_read(storehouse.context("catalog").relay.cursor, place_of(last))


def mark_as_read(cursor: Cursor, place: Place) -> None:
    now = moments_of(system_clock)()
    assert cursor.lease(now)
    with cursor.database.writing() as connection:
        cursor.move(connection, place, now.wall_us)
    cursor.moved(place, now)
    cursor.release()


def compact(databases: Databases) -> int:
    """Return how many events are left."""
    with a_storehouse(databases) as storehouse:
        log = storehouse.context("catalog").log
        compaction = Compaction(log, log.head(), None)
        while compaction.step():
            pass
        return compaction.kept


def followed(databases: Databases) -> int:
    """The position in the catalog's log up to which the new context has read."""
    return int(sum(position for (position,) in databases.rows(NEW, CURSOR)))


def has_followed_beyond(databases: Databases, position: int) -> bool:
    return followed(databases) > position


def head(databases: Databases) -> int:
    with a_storehouse(databases) as storehouse:
        return storehouse.context("catalog").log.head()


def follow(databases: Databases, to: int) -> None:
    """Wait until all up to there is read, with a timeout only for the next progress."""
    while (before := followed(databases)) < to:
        wait_until(partial(has_followed_beyond, databases, before), "progress")


def apply_all(databases: Databases, clean: Databases) -> None:
    """Apply all events ever recorded, in order, without a restart."""
    with a_storehouse(databases) as shop, a_storehouse(clean) as reference:
        database, _ = reference.service(NEW).databases
        events = [
            Envelope(number, "", "catalog", entry.type, entry.key, 0, None, entry.data)
            for number, entry in enumerate(history(), 1)
        ]
        log = shop.context("catalog").log
        while batch := log.read(events[-1].position, BATCH):
            events += batch
        for begin in range(0, len(events), BATCH):
            with database.writing() as connection:
                keep_products(events[begin : begin + BATCH], connection)


@contextmanager
def trade(cluster: Cluster) -> Iterator[list[str]]:
    """Send commands meanwhile; yields the references of the opened parcels."""
    opened: list[str] = []
    ended = threading.Event()

    def work() -> None:
        chance, number = random.Random(16), 0
        (shop,) = cluster.ports_of("catalog-commands")
        (new,) = cluster.ports_of(NEW)
        while not ended.wait(PAUSE_S):
            number += 1
            sku = f"OLD-{chance.randrange(EVENTS // EVENTS_PER_PRODUCT):06}"
            body = {"sku": f"NEW-{number}", "name": "New", "stock_count": 1}
            ask(shop, "POST", "/products", body)
            ask(shop, "PUT", f"/products/{sku}/name", {"name": f"Lamp {number}"})
            ask(shop, "POST", f"/products/{sku}/discontinue")
            try:
                status, _ = ask(new, "PUT", f"/parcels/PARCEL-{number}", {"sku": sku})
            except OSError:
                continue
            if status == 200:
                opened.append(f"PARCEL-{number}")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield opened
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("compacted", [False, True], ids=["whole", "compacted"])
def test_a_late_joiner_is_current(
    databases: Databases,
    file_templates: FileTemplates,
    tmp_path: Path,
    *,
    compacted: bool,
) -> None:
    fill(databases)
    if compacted:
        assert compact(databases) < EVENTS / 5

    with Cluster(tmp_path, (SHOP, (NEW,)), "feed", databases=databases) as cluster:
        with trade(cluster) as opened:
            for restart in range(3):
                follow(databases, EVENTS * restart // 5 + 1)
                cluster.kill(NEW)
                cluster.restart(NEW)
            wait_until(lambda: bool(opened), "an opened parcel")
        while followed(databases) < (newest := head(databases)):
            follow(databases, newest)

    first_day = file_templates.new(tmp_path / "first-day")
    apply_all(databases, first_day)
    assert databases.rows(NEW, KEPT) == first_day.rows(NEW, KEPT)
    assert {each for (each,) in databases.rows(NEW, OPENED)} >= set(opened)
