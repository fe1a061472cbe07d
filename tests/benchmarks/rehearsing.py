"""Ten thousand dead letters of three causes: clustered, listed and rehearsed.

A rehearsal does what a replay does, but commits nothing, and watches which rows change.

python -m tests.benchmarks.rehearsing
"""

import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from shared_kernel.repair.many import each_of
from shared_kernel.repair.rehearsed import Outcomes
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.runtime.running import RunningServices
from tests.benchmarks.measuring import Result, compared, interleaved, per_second, show
from tests.storehouses import a_storehouse

LETTERS, COMPARED = 10_000, 2000
LEAST_RATIO = 0.5
"""It rests half of the time."""
MOST_S, MOST_LOOK_S, MOST_MB = 20.0, 1.0, 8.0
EVERY = Selection()
NAMES = ("unreadable", "too late", "unknown")


def results() -> list[Result]:
    with _folder() as folder, a_storehouse(folder) as storehouse:
        letters = _letters_of(storehouse)
        medians = interleaved(
            lambda: _letters_per_second(letters, _rehearse),
            lambda: _letters_per_second(letters, _replay),
            rounds=3,
        )
        _fill(letters, LETTERS)
        looked_s = _look(letters)
        rehearsed_s = LETTERS / per_second(lambda: _rehearse(letters))
        highest_mb = _memory_mb(letters)
    return [
        compared(
            f"rehearse {COMPARED:,} letters, SQLite, pauses included",
            "replay the same letters",
            "letters/s",
            medians,
            LEAST_RATIO,
        ),
        _at_most(f"rehearse {LETTERS:,} letters", "s", rehearsed_s, MOST_S),
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


def _letters_per_second(
    letters: DeadLetters, work: Callable[[DeadLetters], int]
) -> float:
    _fill(letters, COMPARED)
    return per_second(lambda: work(letters))


def _replay(letters: DeadLetters) -> int:
    outcomes = list(each_of(letters.choose(EVERY), letters.replay))
    failed = sum(each.error is not None for each in outcomes)
    assert failed == len(outcomes) // len(NAMES)
    return len(outcomes)


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


def _letters_of(storehouse: RunningServices) -> DeadLetters:
    service = next(
        each for each in storehouse.services if "catalog_read" in each.dead_letters
    )
    return service.dead_letters["catalog_read"]


def _fill(letters: DeadLetters, count: int) -> None:
    """The listing, and nothing but `count` letters: a third is unreadable today too."""
    with letters.database.writing() as connection:
        connection.execute(sa.delete(product_listing))
        store.let_go(connection, "catalog.listing", "catalog")
        ListingTable(product_listing).put(
            connection,
            (
                Row(_sku(n), n, "Lamp", None, None, None, "listed", "in_stock", 1, 1)
                for n in range(1, count + 1)
            ),
        )
        for number in range(1, count + 1):
            _add(connection, number)


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


def _sku(number: int) -> str:
    return f"LAMP-{number:06}"


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="storehouse-bench-") as name:
        yield Path(name)


if __name__ == "__main__":
    show(results())
