"""Rehearsals beside those who write: cursors go on, nothing is lost or done twice."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.databases import Databases
from tests.shared_kernel.repair.shelves import (
    EVERY,
    Done,
    Shelves,
    shelves,
)

pytestmark = [pytest.mark.slow, pytest.mark.proof_on("postgresql")]

LETTERS, EVENTS = 30, 15
MOST_WAIT_S = 5.0


@pytest.fixture
def shop(databases: Databases) -> Iterator[Shelves]:
    """Thirty letters of `labels`, which would be applied now."""
    with shelves(databases) as made:
        made.fail(*range(1, LETTERS + 1))
        for number in range(LETTERS):
            made.record(f"K{number}", Done("put", f"S{number}"))
        made.read()
        made.fail()
        yield made


def test_while_letters_are_rehearsed_subscriptions_and_commands_go_on(
    shop: Shelves,
) -> None:
    stopping = threading.Event()
    longest_s = 0.0

    def rehearse() -> int:
        times = 0
        while not stopping.is_set():
            said = list(shop.letters.rehearse(EVERY))
            assert [each.applied for each in said] == [1] * LETTERS
            times += 1
        return times

    with ThreadPoolExecutor(2) as threads:
        rehearsing = [threads.submit(rehearse) for _ in range(2)]
        try:
            for number in range(EVENTS):
                longest_s = max(longest_s, write(shop, number))
        finally:
            stopping.set()
        assert all(each.result(60) for each in rehearsing)

    assert longest_s < MOST_WAIT_S
    # In order: the last name stands.
    assert shop.names()["counted"] == str(EVENTS - 1)
    assert positions(shop) == [LETTERS + EVENTS] * 2
    assert len(shop.dead()) == LETTERS


def write(shop: Shelves, number: int) -> float:
    """Return how many seconds it took until both had read it."""
    begun = time.monotonic()
    shop.record("counted", Done("put", "counted", str(number)))
    shop.read()
    return time.monotonic() - begun


def positions(shop: Shelves) -> list[int]:
    with shop.database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT position FROM subscription_cursors")
        return [row[0] for row in rows]
