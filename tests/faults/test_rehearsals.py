"""Rehearsals beside a server under load: as if there were none."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from shared_kernel.buses.envelope import Envelope
from shared_kernel.dead_letters import store
from shared_kernel.dead_letters.letter import DEAD
from shared_kernel.dead_letters.selection import Selection
from shared_kernel.repair.replay import DeadLetters
from tests.cluster import ONE, Cluster
from tests.databases import Databases
from tests.faults.checker import SUMMARY, Tally, check, come_to_rest
from tests.faults.load import load
from tests.storehouses import a_storehouse

pytestmark = [pytest.mark.server, pytest.mark.proof_on("postgresql")]

CLIENTS, ROUNDS, LETTERS = 3, 2, 60
PRODUCT = {"name": "Lamp", "status": "listed", "stock_count": 3, "version": 1}
# By database: a reader of these events, and its source.
READERS = {
    "catalog_read": ("catalog.listing", "catalog"),
    "inventory": ("inventory.catalog", "catalog"),
    "catalog": ("catalog.new-product", "new.product"),
}


def test_rehearsals_disturb_nothing(
    databases: Databases,
    tmp_path: Path,
    record_property: Callable[[str, str], None],
) -> None:
    tally = Tally()
    with (
        Cluster(tmp_path, ONE, "inprocess", databases=databases) as cluster,
        letters_in(databases) as by_database,
        load(cluster.ports_of, CLIENTS, pause_s=0) as at_work,
    ):
        for _ in range(ROUNDS):
            for letters in by_database.values():
                rehearsed = list(letters.rehearse(Selection()))
                assert [each.applied for each in rehearsed] == [1] * LETTERS
            # Commands went on meanwhile, or go on now.
            at_work.more(10)
        tally.count(cluster)
    come_to_rest(databases, tally, time.monotonic())
    record_property(SUMMARY, tally.summary("rehearsals", at_work, databases))
    check(databases, at_work, tally)


@contextmanager
def letters_in(databases: Databases) -> Iterator[dict[str, DeadLetters]]:
    """Letters of products that nobody else registers; they are gone at the end."""
    with a_storehouse(databases) as storehouse:
        by_database = {
            name: letters
            for service in storehouse.services
            for name, letters in service.dead_letters.items()
            if name in READERS
        }
        for name, letters in by_database.items():
            subscription, source = READERS[name]
            with letters.database.writing() as connection:
                store.add(
                    connection,
                    subscription,
                    [an_event(source, number) for number in range(1, LETTERS + 1)],
                    state=DEAD,
                    reason="a test",
                    attempts=1,
                    now_us=1,
                )
        yield by_database
        for name, letters in by_database.items():
            with letters.database.writing() as connection:
                store.let_go(connection, *READERS[name])


def an_event(source: str, number: int) -> Envelope:
    sku = f"REHEARSED-{number:04}"
    data: dict[str, Any] = {"sku": sku, **PRODUCT}
    if source == "new.product":
        del data["status"], data["version"]
    return Envelope(
        position=10_000_000 + number,
        id=f"rehearsed-{number}",
        source=source,
        type="product.inserted",
        key=sku,
        time_us=1,
        traceparent=None,
        data=json.dumps(data).encode(),
    )
