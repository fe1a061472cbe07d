"""Law 2 on PostgreSQL: no holes and no late positions, whatever writers do."""

import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import attrs
import pytest
import sqlalchemy as sa

from shared_kernel.buses.envelope import Envelope
from shared_kernel.events.entries import Entry
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.positions import Appended
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared
from tests.cluster import ROOT, wait_until
from tests.databases import Schemas
from tests.faults.checker import SUMMARY
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.server

WRITERS = 16
SECONDS = 30.0


@pytest.fixture
def database(schemas: Schemas) -> Iterator[Database]:
    database = Database(schemas.url("catalog"))
    yield database
    database.close()


@pytest.fixture
def log(database: Database) -> EventLog:
    return EventLog(database, "catalog")


def entries(key: str, how_many: int = 1) -> list[Entry]:
    return [Entry("lamp.lit", key, b"{}", None)] * how_many


def append(log: EventLog, key: str, how_many: int = 1) -> Appended:
    with log.database.writing() as connection:
        return log.append(connection, entries(key, how_many), 1)


def undo(log: EventLog, key: str, how_many: int = 1) -> Appended:
    with suppress(KeyError), log.database.writing() as connection:
        appended = log.append(connection, entries(key, how_many), 1)
        raise KeyError
    return appended


def standing(log: EventLog) -> list[tuple[int, str]]:
    return [(each.position, each.key) for each in log.read(0, 100_000)]


def test_what_is_committed_has_a_position_once_the_log_is_settled(
    log: EventLog,
) -> None:
    appended = append(log, "A", 2)
    assert standing(log) == []
    assert log.head() == 0

    assert log.settle(appended) == 2
    assert standing(log) == [(1, "A"), (2, "A")]
    assert log.settle() == 2


def test_the_next_caller_assigns_the_positions_for_a_crashed_one(log: EventLog) -> None:
    append(log, "of the dead")

    assert log.settle(append(log, "of the living")) == 2
    assert standing(log) == [(1, "of the dead"), (2, "of the living")]


def test_a_late_commit_gets_a_later_position(log: EventLog) -> None:
    """A transaction is held open while others commit and readers read."""
    with ExitStack() as held:
        connection = held.enter_context(log.database.writing())
        log.append(connection, entries("held", 2), 1)

        assert log.settle(append(log, "A")) == 1
        assert standing(log) == [(1, "A")]
        assert log.settle(append(log, "B")) == 2
        assert [each.key for each in log.read(1, 10)] == ["B"]

    assert log.settle() == 4
    assert [each.key for each in log.read(2, 10)] == ["held", "held"]
    assert standing(log) == [(1, "A"), (2, "B"), (3, "held"), (4, "held")]


def test_a_rollback_leaves_no_hole(log: EventLog) -> None:
    undo(log, "undone", 3)

    assert log.settle(append(log, "A")) == 1
    assert standing(log) == [(1, "A")]


def test_concurrent_callers_assign_positions_once(log: EventLog) -> None:
    for key in "ABCDEFGH":
        append(log, key)

    with ThreadPoolExecutor(4) as threads:
        heads = set(threads.map(lambda _: log.settle(), range(16)))

    assert heads == {8}
    assert standing(log) == list(enumerate("ABCDEFGH", start=1))


def test_a_caller_waits_for_another_and_continues_from_its_head(
    log: EventLog, schemas: Schemas
) -> None:
    append(log, "A")
    with schemas.server.connect(schemas.database) as other:
        other.execute("SET search_path TO catalog")
        other.autocommit = False
        other.execute("SELECT give_positions()")
        append(log, "B")
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(log.settle)
            wait_until(
                lambda: bool(
                    schemas.server.execute(
                        schemas.database,
                        "SELECT 1 FROM pg_locks"
                        " WHERE locktype = 'advisory' AND NOT granted",
                    )
                ),
                "waiting for the lock",
            )
            assert standing(log) == []
            other.commit()
            assert waiting.result(10) == 2
    assert standing(log) == [(1, "A"), (2, "B")]


def test_it_can_be_found_out_whether_a_transaction_was_committed(log: EventLog) -> None:
    done = append(log, "done")
    undone = undo(log, "undone")
    with log.database.writing() as connection:
        still_open = log.append(connection, entries("open"), 1)
        assert log.was_committed(still_open) is None

    assert log.was_committed(done) is True
    assert log.was_committed(undone) is False
    assert log.was_committed(still_open) is True
    assert log.was_committed(Appended(0)) is False


def test_a_number_reused_after_a_crash_is_recognized(log: EventLog) -> None:
    """After a crash the server may reuse the numbers of lost transactions."""
    appended = append(log, "another's")
    assert appended.receipt is not None
    lost = attrs.evolve(appended.receipt, id="lost")
    of_the_future = attrs.evolve(lost, transaction=str(2**40))

    for receipt in (lost, of_the_future):
        assert log.was_committed(attrs.evolve(appended, receipt=receipt)) is False


def test_a_long_log_is_not_searched_for_entries_without_a_position(
    log: EventLog, schemas: Schemas
) -> None:
    """The connection's query plans were made while the log was short."""
    for key in range(20):
        log.settle(append(log, str(key)))
    schemas.server.execute(
        schemas.database,
        "INSERT INTO catalog.event_log (position, id, type, key, time_us, data)"
        " SELECT n, n, 'lamp.lit', n, 1, '' FROM generate_series(21, 20020) AS n",
    )
    scans = (
        "SELECT seq_scan FROM pg_stat_user_tables"
        " WHERE schemaname = 'catalog' AND relname = 'event_log'"
    )
    before = schemas.server.execute(schemas.database, scans)

    for key in range(20):
        log.settle(append(log, str(key)))

    log.database.close()
    assert log.settle() == 20_040
    wait_until(
        lambda: schemas.server.execute(
            schemas.database,
            "SELECT n_tup_ins >= 20040 FROM pg_stat_user_tables"
            " WHERE schemaname = 'catalog' AND relname = 'event_log'",
        )[0][0],
        "the statistics",
    )
    assert schemas.server.execute(schemas.database, scans) == before


def read_from_indexes(schemas: Schemas) -> int:
    """How many index entries of the log were read, by sessions that ended."""
    ((many,),) = schemas.server.execute(
        schemas.database,
        "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes"
        " WHERE schemaname = 'catalog' AND relname = 'event_log'",
    )
    return int(many)


def ended_sessions(log: EventLog, schemas: Schemas) -> None:
    log.database.close()
    ours = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'storehouse'"
        f" AND datname = '{schemas.database}'"
    )
    wait_until(
        lambda: schemas.server.execute("postgres", ours) == [(0,)], "the end of all"
    )


@pytest.mark.parametrize("writes", [False, True], ids=["a reader", "a writer"])
def test_rows_that_cannot_be_vacuumed_yet_are_not_read_repeatedly(
    log: EventLog, schemas: Schemas, writes: bool
) -> None:
    """During a backup, a slow report, or a long transaction."""
    settled, more = 5000, 20
    with schemas.server.connect(schemas.database) as old:
        old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        old.execute("SELECT count(*) FROM catalog.event_log")
        if writes:
            old.execute("CREATE TABLE public.report (number int)")
        for _ in range(5):
            log.settle(append(log, "A", settled // 5))
        ended_sessions(log, schemas)
        # Plans must be made as for a long log.
        schemas.server.execute(schemas.database, "ANALYZE catalog.event_log")
        before = read_from_indexes(schemas)

        for _ in range(more):
            log.settle(append(log, "A"))

        ended_sessions(log, schemas)
        assert log.head() == settled + more
        assert read_from_indexes(schemas) - before < settled
        old.rollback()


def test_a_log_continues_on_a_server_with_lower_transaction_numbers(
    log: EventLog, schemas: Schemas
) -> None:
    """As after a restore from a dump: the old transaction numbers are void."""
    with schemas.server.connect(schemas.database) as connection:
        for _ in range(2000):
            connection.execute("SELECT pg_current_xact_id()")
    log.settle(append(log, "A", 2))
    append(log, "B")
    dumped = schemas.server.dump(schemas.database, "catalog")

    with PostgresServer() as server:
        server.create("restored")
        server.restore("restored", dumped)
        restored = Database(server.url("restored", "catalog"))
        its_log = EventLog(restored, "catalog")
        append(its_log, "C")

        assert its_log.settle() == 4
        assert its_log.settle(append(its_log, "D")) == 5
        assert [key for _, key in standing(its_log)] == ["A", "A", "B", "C", "D"]
        restored.close()


@attrs.define(eq=False)
class Writer:
    """A process that appends; the outcomes that it printed are kept after a kill."""

    name: str
    process: "subprocess.Popen[str]"
    said: list[str] = attrs.field(factory=list)
    _ear: threading.Thread = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        assert self.process.stdout is not None
        self._ear = threading.Thread(
            target=self.said.extend, args=[iter(self.process.stdout.readline, "")]
        )
        self._ear.start()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._ear.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        if self.said and not self.said[-1].endswith("\n"):
            del self.said[-1]


@pytest.fixture
def a_writer(schemas: Schemas) -> Iterator[Callable[[str], Writer]]:
    started: list[Writer] = []

    def start(name: str) -> Writer:
        module = "tests.shared_kernel.events.a_writer"
        process = subprocess.Popen(
            [sys.executable, "-m", module, schemas.url("catalog"), name],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )
        started.append(Writer(name, process))
        return started[-1]

    yield start
    for writer in started:
        if writer.process.poll() is None:
            writer.kill()


@attrs.define(eq=False)
class Reader:
    """Reads after its last position, and never back."""

    log: EventLog
    read: list[Envelope] = attrs.field(factory=list)

    def step(self) -> None:
        after = self.read[-1].position if self.read else 0
        self.read += self.log.read(after, 1000)


@pytest.mark.proof
@pytest.mark.slow
def test_sixteen_writers_some_killed_and_a_reader_misses_nothing(
    log: EventLog,
    a_writer: Callable[[str], Writer],
    record_property: Callable[[str, str], None],
) -> None:
    chance, reader = random.Random(4711), Reader(log)
    names = (f"W{number}" for number in range(10_000))
    at_work = [a_writer(next(names)) for _ in range(WRITERS)]
    writers = list(at_work)
    deadline, pause = time.monotonic() + SECONDS, threading.Event()
    next_kill = time.monotonic() + 3
    while time.monotonic() < deadline:
        reader.step()
        pause.wait(0.01)
        if time.monotonic() > next_kill:
            place = chance.randrange(WRITERS)
            at_work[place].kill()
            at_work[place] = a_writer(next(names))
            writers.append(at_work[place])
            next_kill = time.monotonic() + 0.5
    for writer in at_work:
        writer.kill()
    log.settle()
    reader.step()

    # The reader saw all entries, in order, without a hole.
    assert [each.position for each in reader.read] == list(
        range(1, len(reader.read) + 1)
    )
    assert reader.read == log.read(0, 10_000_000)
    said = [line.split() for writer in writers for line in writer.said]
    stood = Counter(each.key for each in reader.read)
    committed = {words[1]: int(words[2]) for words in said if words[0] == "+"}
    undone = {words[1] for words in said if words[0] == "-"}
    assert [key for key in committed if key not in stood] == []
    assert [key for key in undone if key in stood] == []
    places = {each.key: each.position for each in reader.read}
    assert [key for key, head in committed.items() if head and head < places[key]] == []
    assert out_of_order(log, reader.read) == []
    assert len(committed) > 100
    assert len(undone) > 10
    record_property(
        SUMMARY,
        f"{WRITERS} writers for {SECONDS:.0f} s: {len(writers) - WRITERS} killed, "
        f"{len(committed)} commits, {len(undone)} rolled back, {len(stood)} of "
        f"{len(reader.read)} entries read while they were written",
    )


def out_of_order(log: EventLog, read: list[Envelope]) -> list[str]:
    """Entries whose position is not after what their transaction had seen."""
    everything = Prepared(sa.text("SELECT written, position FROM event_log"))
    with log.database.reading() as connection:
        written: dict[int, int] = dict(everything.rows(connection, {}))
    return [
        f"{each.key} at {each.position} had seen {seen}"
        for each in read
        if (seen := json.loads(each.data)["seen"]) and each.position <= written[seen]
    ]
