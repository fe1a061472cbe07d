"""Ten thousand dead letters of three causes: clustered, listed and rehearsed.

python -m tests.benchmarks.rehearsing
"""

import json
import sqlite3
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from catalog.read_model.product_listing import Listing as Row
from catalog.read_model.product_listing import ListingTable, product_listing
from shared_kernel.buses.envelope import Envelope
from shared_kernel.dead_letters import store
from shared_kernel.dead_letters.causes import clustered
from shared_kernel.dead_letters.failure import Failure
from shared_kernel.dead_letters.letter import DEAD
from shared_kernel.dead_letters.selection import Selection, page
from shared_kernel.repair.rehearsed import Outcomes
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.runtime.running import RunningServices
from tests.benchmarks.measuring import Result, compared, interleaved, per_second, show
from tests.storehouses import a_storehouse

LETTERS = 10_000
LEAST_RATIO, MOST_MB, MOST_LOOK_S = 0.003, 8.0, 1.0
EVERY = Selection()
NAMES = ("unreadable", "too late", "unknown")
UPDATE = "UPDATE product_listing SET name = ?, version = 2, body = ? WHERE code = ?"


def results() -> list[Result]:
    with _folder() as folder, a_storehouse(folder) as storehouse:
        letters = _filled(storehouse)
        by_hand = _ByHand(folder)
        medians = interleaved(
            lambda: per_second(lambda: _rehearse(letters)),
            lambda: per_second(by_hand.update),
            rounds=3,
        )
        looked_s = _look(letters)
        highest_mb = _memory_mb(letters)
    return [
        compared(
            f"rehearse {LETTERS:,} letters, SQLite, pauses included",
            "the same rows, executemany, rolled back",
            "letters/s",
            medians,
            LEAST_RATIO,
            f"{LETTERS / medians[0]:.1f} s",
        ),
        _at_most("list and cluster them", "s", looked_s, MOST_LOOK_S),
        _at_most("memory of that rehearsal", "MB more", highest_mb, MOST_MB),
    ]


def _at_most(work: str, unit: str, ours: float, most: float) -> Result:
    return Result(
        work=work,
        reference_work="",
        unit=unit,
        ours=ours,
        reference=None,
        to_reach=f"≤ {most:g}",
        reached=ours <= most,
    )


def _rehearse(letters: DeadLetters) -> int:
    outcomes = Outcomes()
    for each in letters.rehearse(EVERY):
        outcomes.add("", each)
    assert len(outcomes.by_cause) == len(NAMES)
    assert outcomes.rows["product_listing", "changed"] == outcomes.succeeding
    return outcomes.letters


def _look(letters: DeadLetters) -> float:
    begun = time.perf_counter()
    with letters.database.reading() as connection:
        causes = clustered(connection, EVERY)
        listed = page(connection, EVERY, limit=1000)
    assert len(causes) == len(NAMES)
    assert len(listed) == 1000
    return time.perf_counter() - begun


def _memory_mb(letters: DeadLetters) -> float:
    tracemalloc.start()
    _rehearse(letters)
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return highest / 1e6


def _filled(storehouse: RunningServices) -> DeadLetters:
    """A third of the letters cannot be read today either."""
    service = next(
        each for each in storehouse.services if "catalog_read" in each.dead_letters
    )
    letters = service.dead_letters["catalog_read"]
    with letters.database.writing() as connection:
        ListingTable(product_listing).put(
            connection,
            (
                Row(_sku(n), n, "Lamp", None, None, None, "listed", "in_stock", 1, 1)
                for n in range(1, LETTERS + 1)
            ),
        )
        for number in range(1, LETTERS + 1):
            _add(connection, number)
    return letters


def _add(connection: sa.Connection, number: int) -> None:
    kind = number % len(NAMES)
    payload = {"sku": _sku(number), "name": "Desk lamp", "status": "listed"}
    if kind:
        payload["version"] = "2"
    failure = Failure(
        error_type="KeyError", place=f"catalog:{NAMES[kind]}", message="why"
    )
    envelope = Envelope(
        position=LETTERS + number,
        id=f"id-{number}",
        source="catalog",
        type="product.renamed",
        key=_sku(number),
        time_us=2,
        traceparent=None,
        data=json.dumps(payload).encode(),
    )
    store.add(
        connection,
        "catalog.listing",
        [envelope],
        state=DEAD,
        reason=failure.reason,
        attempts=5,
        now_us=3,
        failure=failure,
    )


class _ByHand:
    def __init__(self, folder: Path) -> None:
        (self._file,) = folder.glob("catalog_read.db")

    def update(self) -> int:
        body = json.dumps({"name": "Desk lamp", "status": "listed"}).encode()
        rows = [("Desk lamp", body, _sku(n)) for n in range(1, LETTERS + 1)]
        with closing(sqlite3.connect(self._file, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            database.executemany(UPDATE, rows)
            database.execute("ROLLBACK")
        return len(rows)


def _sku(number: int) -> str:
    return f"LAMP-{number:06}"


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="storehouse-bench-") as name:
        yield Path(name)


if __name__ == "__main__":
    show(results())
