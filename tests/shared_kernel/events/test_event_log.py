"""Law 2: positions without holes, in the order of commits, under any concurrency."""

import contextlib
import random
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from shared_kernel.buses.envelope import Envelope
from shared_kernel.events.event_log import EventLog
from shared_kernel.storage.database import Database
from tests.databases import Databases
from tests.shared_kernel.events.builders import (
    NOON,
    SOURCE,
    a_database,
    an_entry,
    record,
)

ROOT = Path(__file__).parents[3]
COMMITS = 40


def positions(envelopes: list[Envelope]) -> list[int]:
    return [envelope.position for envelope in envelopes]


def test_positions_count_from_one(log: EventLog, source: Database) -> None:
    record(log, source, ["A", "B"])
    record(log, source, ["C"])

    assert positions(log.read(0, 10)) == [1, 2, 3]
    assert log.head() == 3


def test_an_empty_log_has_head_zero(log: EventLog) -> None:
    assert log.head() == 0
    assert log.read(0, 10) == []


def test_an_entry_is_read_as_it_was_recorded(log: EventLog, source: Database) -> None:
    (envelope,) = record(log, source, ["LAMP-0001"])

    assert envelope.source == SOURCE
    assert envelope.type == "lamp.lit"
    assert envelope.key == "LAMP-0001"
    assert envelope.time == NOON
    assert envelope.data == b'{"sku":"LAMP-0001"}'
    assert len(envelope.id) == 36


def test_reading_starts_after_a_position_and_is_bounded(
    log: EventLog, source: Database
) -> None:
    record(log, source, "ABCDE")

    assert positions(log.read(1, 3)) == [2, 3, 4]


def test_after_a_commit_the_head_is_known(log: EventLog, source: Database) -> None:
    record(log, source, "AB")

    with source.writing() as connection:
        appended = log.append(connection, [an_entry(), an_entry()], 0)
    with source.writing() as connection:
        nothing = log.append(connection, [], 0)

    assert (appended.count, log.settle(appended)) == (2, 4)
    assert (nothing.count, log.settle(nothing)) == (0, 4)


def test_in_a_file_the_head_is_known_before_the_commit(tmp_path: Path) -> None:
    """Nothing else appends meanwhile; in PostgreSQL it may (test_positions)."""
    with a_database(tmp_path / "log.db") as database:
        log = EventLog(database, SOURCE)
        record(log, database, "AB")

        with database.writing() as connection:
            some = log.append(connection, [an_entry()], 0)
            none = log.append(connection, [], 0)

    assert (some.count, some.head) == (1, 3)
    assert (none.count, none.head) == (0, 3)


def test_a_rollback_leaves_no_hole(log: EventLog, source: Database) -> None:
    record(log, source, "A")
    with contextlib.suppress(KeyError), source.writing() as connection:
        log.append(connection, [an_entry()], 0)
        raise KeyError
    record(log, source, "B")

    assert [(each.position, each.key) for each in log.read(0, 10)] == [
        (1, "A"),
        (2, "B"),
    ]


def test_uncommitted_entries_are_not_read(log: EventLog, source: Database) -> None:
    with source.writing() as connection:
        appended = log.append(connection, [an_entry()], 0)

        assert log.read(0, 10) == []
        assert log.head() == 0

    log.settle(appended)
    assert positions(log.read(0, 10)) == [1]


def write_much(database: Database, name: str, seed: int) -> None:
    """Commit COMMITS times, 1 to 3 entries each; roll back now and then."""
    log, chance, number = EventLog(database, SOURCE), random.Random(seed), 0
    while number < COMMITS:
        entries = [
            an_entry(f"{name}/{number}/{part}") for part in range(chance.randint(1, 3))
        ]
        try:
            with database.writing() as connection:
                appended = log.append(connection, entries, number)
                if chance.random() < 0.2:
                    raise KeyError
        except KeyError:
            continue
        log.settle(appended)
        number += 1


def follow(log: EventLog, until: Callable[[], bool]) -> list[Envelope]:
    """Read like a subscription: only after the last position, never back."""
    seen: list[Envelope] = []
    while True:
        finished = until()
        new = log.read(len(seen), 50)
        seen += new
        if finished and not new:
            return seen


@pytest.mark.proof_on("postgresql")
@pytest.mark.slow
def test_readers_miss_no_entry_of_concurrent_threads_and_processes(
    databases: Databases,
) -> None:
    url = databases.url("catalog")
    with a_database(url) as database:
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", __spec__.name, url, str(seed)], cwd=ROOT
            )
            for seed in range(2)
        ]
        threads = [
            threading.Thread(target=write_much, args=(database, f"thread-{n}", n))
            for n in range(2)
        ]
        for thread in threads:
            thread.start()

        def written() -> bool:
            return not any(thread.is_alive() for thread in threads) and all(
                process.poll() is not None for process in processes
            )

        seen = follow(EventLog(database, SOURCE), written)

        assert [process.returncode for process in processes] == [0, 0]
    assert positions(seen) == list(range(1, len(seen) + 1))
    commits = defaultdict(list)
    for envelope in seen:
        writer, number, part = envelope.key.split("/")
        commits[writer].append((int(number), int(part)))
    assert len(commits) == 4
    for of_writer in commits.values():
        assert of_writer == sorted(of_writer)
        assert {number for number, _ in of_writer} == set(range(COMMITS))
    assert len(set(map(str, seen))) == len(seen)


if __name__ == "__main__":
    with a_database(sys.argv[1]) as opened:
        write_much(opened, f"process-{sys.argv[2]}", int(sys.argv[2]))
