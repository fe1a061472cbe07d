"""Operators repair letters of a server under load, which is killed meanwhile."""

import json
import os
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest
import sqlalchemy as sa

from catalog.read_model.product_listing import product_listing
from shared_kernel.buses.envelope import Envelope
from shared_kernel.dead_letters import store
from shared_kernel.dead_letters.failure import Failure
from shared_kernel.dead_letters.letter import DEAD, PARKED, WAITS
from shared_kernel.repair.replay import DeadLetters
from tests.cluster import ONE, Cluster
from tests.databases import Databases
from tests.faults.checker import SUMMARY, Tally, check, come_to_rest
from tests.faults.load import load
from tests.storehouses import a_storehouse

pytestmark = [pytest.mark.server, pytest.mark.proof]

SEED = int(os.environ.get("STOREHOUSE_FAULT_SEED", "4711"))
CLIENTS, KILLS, PRODUCTS, OPERATORS = 2, 3, 20, 3
VERSIONS = (1, 2, 3)
LISTING = "catalog.listing"
ENDED = {"replayed", "discarded"}
BY_ADA = {"who": "ada", "why": "a test"}


@attrs.define
class Operator:
    """Does whatever at some letter, again and again, and forgets what it was told."""

    chance: random.Random
    port: int
    stop: threading.Event
    answers: Counter[str] = attrs.field(factory=Counter)

    def run(self) -> None:
        url = f"http://127.0.0.1:{self.port}/dead-letters"
        with httpx.Client(base_url=url, timeout=5) as asked:
            while not self.stop.is_set():
                try:
                    answer = self._act(asked)
                    self.answers[f"{answer.status_code}"] += 1
                except httpx.HTTPError:
                    self.answers["none"] += 1
                    self.stop.wait(0.05)

    def _act(self, asked: httpx.Client) -> httpx.Response:
        number = self.chance.randint(1, PRODUCTS * len(VERSIONS))
        letter = f"/catalog_read:{number}"
        match self.chance.choice(["replay", "discard", "edit", "all"]):
            case "edit":
                shown = asked.get(letter)
                if shown.status_code != 200:
                    return shown
                data = shown.json()["event"]["data"] | {"status": "listed"}
                return asked.put(f"{letter}/data", json={"data": data, **BY_ADA})
            case "all":
                some = {"limit": 2, "after": letter}
                return asked.post("/replay", json=some)
            case verb:
                return asked.post(f"{letter}/{verb}", json=BY_ADA)


def test_each_letter_is_repaired_once_and_in_order(
    databases: Databases,
    tmp_path: Path,
    record_property: Callable[[str, str], None],
) -> None:
    tally = Tally()
    with (
        letters_in(databases) as letters,
        Cluster(tmp_path, ONE, "inprocess", databases=databases) as cluster,
        load(cluster.ports_of, CLIENTS) as at_work,
    ):
        (name,) = cluster.processes
        with operators(cluster.processes[name].port) as working:
            for _ in range(KILLS):
                at_work.more(10)
                tally.faults["killed"] += 1
                cluster.kill(name)
                cluster.restart(name)
            at_work.more(10)
        tally.count(cluster)
        assert sum(each.answers["200"] for each in working) > KILLS
        assert_repaired_once_and_in_order(letters)
        remove(letters)
        recovered = time.monotonic()
    come_to_rest(databases, tally, recovered)
    record_property(SUMMARY, tally.summary("repairs", at_work, databases))
    check(databases, at_work, tally)


@contextmanager
def operators(port: int) -> Iterator[list[Operator]]:
    stop = threading.Event()
    working = [
        Operator(random.Random(SEED + number), port, stop)
        for number in range(OPERATORS)
    ]
    threads = [threading.Thread(target=each.run) for each in working]
    for thread in threads:
        thread.start()
    try:
        yield working
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def assert_repaired_once_and_in_order(letters: DeadLetters) -> None:
    ended, edited = defaultdict(list), set()
    for each in reversed(letters.repairs(limit=100_000)):
        if each.action in ENDED:
            ended[each.key].append((each.position, each.action))
        else:
            edited.add(each.position)
    left: dict[str, list[int]] = defaultdict(list)
    for letter in letters.list():
        left[letter.envelope.key].append(letter.envelope.position)
        if letter.envelope.position in edited:
            assert letter.original
    with letters.database.reading() as connection:
        names = connection.exec_driver_sql("SELECT code, name FROM product_listing")
        shown = {row[0]: row[1] for row in names}
        kept = {
            row[0]
            for row in connection.exec_driver_sql("SELECT position FROM edited_events")
        }
    assert kept == edited
    for number in range(1, PRODUCTS + 1):
        key = a_sku(number)
        done = [position for position, _ in ended[key]]
        assert [*done, *left[key]] == positions_of(number), key
        applied = [at for at, action in ended[key] if action == "replayed"]
        expected = f"Lamp {applied[-1]}" if applied else None
        assert shown.get(key) == expected, key
    assert ended


@contextmanager
def letters_in(databases: Databases) -> Iterator[DeadLetters]:
    """The first of each product lacks its status; the others wait behind it."""
    with a_storehouse(databases) as storehouse:
        letters = storehouse.service("catalog-queries").dead_letters["catalog_read"]
        failure = Failure(error_type="KeyError", place="a:test", message="status")
        with letters.database.writing() as connection:
            for number in range(1, PRODUCTS + 1):
                first, *behind = [
                    an_event(number, position) for position in positions_of(number)
                ]
                store.add(
                    connection,
                    LISTING,
                    [first],
                    state=DEAD,
                    reason=failure.reason,
                    attempts=1,
                    now_us=1,
                    failure=failure,
                )
                store.add(
                    connection,
                    LISTING,
                    behind,
                    state=PARKED,
                    reason=WAITS,
                    attempts=0,
                    now_us=1,
                )
        yield letters


def remove(letters: DeadLetters) -> None:
    """Of products that no log knows."""
    with letters.database.writing() as connection:
        store.let_go(connection, LISTING, "catalog")
        connection.execute(
            sa.delete(product_listing).where(product_listing.c.code.like("REPAIRED-%"))
        )


def positions_of(number: int) -> list[int]:
    return [10_000_000 + 10 * number + version for version in VERSIONS]


def a_sku(number: int) -> str:
    return f"REPAIRED-{number:04}"


def an_event(number: int, position: int) -> Envelope:
    version = position % 10
    data: dict[str, Any] = {
        "sku": a_sku(number),
        "name": f"Lamp {position}",
        "stock_count": 3,
        "version": version,
    }
    if version != VERSIONS[0]:
        data["status"] = "listed"
    return Envelope(
        position=position,
        id=f"repaired-{position}",
        source="catalog",
        type="product.inserted",
        key=a_sku(number),
        time_us=1,
        traceparent=None,
        data=json.dumps(data).encode(),
    )
