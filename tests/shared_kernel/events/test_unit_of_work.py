"""Law 1: an aggregate and its events are committed together, or neither is."""

import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from shared_kernel.events.unit_of_work import current_traceparent
from shared_kernel.events.writer import BATCH, Committed
from shared_kernel.storage.database import Database, Limits
from shared_kernel.storage.errors import is_fault
from tests.databases import Databases, FileTemplates, Schemas
from tests.shared_kernel.storage.tally import (
    MOST,
    Tallies,
    TallyIsFull,
    Tick,
    some_tallies,
    tick,
)


@pytest.fixture
def tallies(databases: Databases) -> Iterator[Tallies]:
    tallies = some_tallies(databases.url("catalog"), lambda: None)
    yield tallies
    tallies.database.close()


def fail(error: BaseException) -> Callable[[], None]:
    def then() -> None:
        raise error

    return then


def test_a_command_returns_its_result_and_the_logs_head(tallies: Tallies) -> None:
    tallies.writer.execute(tick, Tick(code="A"))

    done = tallies.writer.execute(tick, Tick(code="B", times=3))

    assert done == Committed(result=3, position=4)


def test_state_and_events_are_committed_together(tallies: Tallies) -> None:
    tallies.writer.execute(tick, Tick(times=2))

    assert tallies.stored() == {"LAMP-0001": 2}
    assert tallies.logged() == [
        ("LAMP-0001", b'{"sku":"LAMP-0001","version":1}'),
        ("LAMP-0001", b'{"sku":"LAMP-0001","version":2}'),
    ]


def test_a_refusal_is_raised_and_changes_nothing(tallies: Tallies) -> None:
    tallies.writer.execute(tick, Tick(times=MOST))

    with pytest.raises(TallyIsFull):
        tallies.writer.execute(tick, Tick())

    assert tallies.stored() == {"LAMP-0001": MOST}
    assert tallies.log.head() == MOST


@pytest.mark.parametrize("error", [KeyError(), KeyboardInterrupt()])
def test_any_other_exception_is_raised_and_rolls_back(
    tallies: Tallies, error: BaseException
) -> None:
    with pytest.raises(type(error)):
        tallies.writer.execute(tick, Tick(then=fail(error)))

    assert (tallies.stored(), tallies.logged()) == ({}, [])
    assert tallies.writer.execute(tick, Tick()).position == 1


def test_uncommitted_changes_of_a_handler_are_discarded(tallies: Tallies) -> None:
    def look(command: Tick, work: object) -> None:
        pass

    assert tallies.writer.execute(look, Tick()).position == 0
    assert tallies.stored() == {}


class Crash(BaseException):
    pass


@pytest.mark.parametrize("append_first", [True, False])
def test_a_crash_between_the_two_writes_leaves_neither(
    tallies: Tallies, monkeypatch: pytest.MonkeyPatch, append_first: bool
) -> None:
    append = type(tallies.log).append

    def crash(*arguments: object) -> int:
        if append_first:
            append(*arguments)  # type: ignore[arg-type]  # passed on as they came
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(type(tallies.log), "append", crash)
        with pytest.raises(Crash):
            tallies.writer.execute(tick, Tick())

    assert (tallies.stored(), tallies.logged()) == ({}, [])


def test_a_crash_instead_of_the_commit_leaves_neither(
    tallies: Tallies, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing = Database.writing

    @contextmanager
    def crashing(database: Database) -> Iterator[Connection]:
        with writing(database) as connection:
            yield connection
            raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(Database, "writing", crashing)
        with pytest.raises(Crash):
            tallies.writer.execute(tick, Tick())

    assert (tallies.stored(), tallies.logged()) == ({}, [])


def test_an_event_carries_the_trace_of_its_own_command(tallies: Tallies) -> None:
    current_traceparent.set("00-aa-bb-01")
    tallies.writer.execute(tick, Tick())
    current_traceparent.set(None)
    tallies.writer.execute(tick, Tick())

    traces = [each.traceparent for each in tallies.log.read(0, 10)]
    assert traces == ["00-aa-bb-01", None]


def test_commits_are_reported_after_they_happen(databases: Databases) -> None:
    heads: list[int] = []
    url = databases.url("catalog")
    reporting = some_tallies(url, lambda: heads.append(reporting.log.head()))
    reporting.writer.execute(tick, Tick())
    reporting.writer.execute(tick, Tick(times=2))
    reporting.database.close()

    assert heads == [1, 3]


def test_commands_given_together_share_a_commit_and_a_refusal_is_returned_in_place(
    tallies: Tallies,
) -> None:
    answers = tallies.writer.execute_all(
        tick,
        [
            Tick(code="A"),
            Tick(code="B", times=MOST + 1),
            Tick(code="C"),
            Tick(code="A"),
        ],
    )

    first, refused, third, fourth = answers
    assert isinstance(refused, TallyIsFull)
    assert isinstance(first, Committed)
    assert isinstance(fourth, Committed)
    assert (first.result, fourth.result) == (1, 2)
    assert isinstance(third, Committed)


def test_commands_of_many_threads_each_happen_exactly_once(tallies: Tallies) -> None:
    """And a refusal or fault of one command does not affect the others."""
    tallies.writer.execute(tick, Tick(code="FULL", times=MOST))
    before = tallies.log.head()
    crowd, rounds = 24, 15
    together = threading.Barrier(crowd)

    def client(number: int) -> Counter[str]:
        seen: Counter[str] = Counter()
        together.wait()
        for turn in range(rounds):
            kind = (number + turn) % 4
            try:
                if kind == 0:
                    tallies.writer.execute(tick, Tick(code="FULL"))
                elif kind == 1:
                    fault = fail(KeyError(number))
                    tallies.writer.execute(tick, Tick(code="BAD", then=fault))
                else:
                    done = tallies.writer.execute(tick, Tick(code=f"T{number}"))
                    seen["acknowledged"] += 1
                    assert done.result == seen["acknowledged"]
                    # A reader at this position shows this command's changes.
                    shown = tallies.log.read(before, done.position - before)
                    mine = [each for each in shown if each.key == f"T{number}"]
                    assert len(mine) == seen["acknowledged"]
            except TallyIsFull:
                assert kind == 0
                seen["refused"] += 1
            except KeyError as error:
                assert kind == 1
                seen["failed" if error.args == (number,) else "blamed"] += 1
        return seen

    with ThreadPoolExecutor(crowd) as pool:
        seen = list(pool.map(client, range(crowd)))

    assert all(sum(each.values()) == rounds for each in seen)
    assert not any(each["blamed"] for each in seen)
    acknowledged = {
        f"T{number}": each["acknowledged"] for number, each in enumerate(seen)
    }
    assert tallies.stored() == acknowledged | {"FULL": MOST}
    logged = Counter(key for key, _ in tallies.logged()[before:])
    assert logged == acknowledged
    assert len(set(tallies.logged())) == len(tallies.logged())


def test_waiting_commands_share_the_next_commit(
    tallies: Tallies, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = 0
    writing = Database.writing

    @contextmanager
    def counted(database: Database) -> Iterator[Connection]:
        nonlocal commits
        with writing(database) as connection:
            commits += 1
            yield connection

    monkeypatch.setattr(Database, "writing", counted)
    crowd = 20
    writes, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        writes.set()
        assert go_on.wait(30)

    with ThreadPoolExecutor(crowd + 1) as pool:
        first = pool.submit(tallies.writer.execute, tick, Tick(then=hold))
        assert writes.wait(30)
        others = [
            pool.submit(tallies.writer.execute, tick, Tick(code=f"T{number}"))
            for number in range(crowd)
        ]
        while len(tallies.writer._waiting) < crowd:
            assert not first.done()
        go_on.set()
        assert first.result(30).position == 1
        assert {other.result(30).position for other in others} == set(
            range(2, crowd + 2)
        )

    assert commits == 2
    assert crowd < BATCH


def test_a_locked_file_raises_and_loses_nothing(
    file_templates: FileTemplates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In PostgreSQL only a row is locked: the next test."""
    monkeypatch.setattr("shared_kernel.storage.sqlite.BUSY_TIMEOUT_MS", 1)
    another = some_tallies(file_templates.new(tmp_path).url("catalog"), lambda: None)
    holder = sqlite3.connect(tmp_path / "catalog.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"):
        another.writer.execute(tick, Tick())
    holder.execute("ROLLBACK")
    holder.close()

    assert another.writer.execute(tick, Tick()).position == 1
    another.database.close()


@pytest.mark.server
def test_a_row_locked_for_long_by_another_process_raises_and_loses_nothing(
    schemas: Schemas,
) -> None:
    url = schemas.url("catalog")
    another = some_tallies(url, lambda: None)
    another.writer.execute(tick, Tick())
    hurried = some_tallies(url, lambda: None, Limits(timeout_ms=100))

    with another.database.writing() as holder:
        holder.exec_driver_sql("SELECT * FROM tallies FOR UPDATE")
        with pytest.raises(OperationalError, match="statement timeout") as raised:
            hurried.writer.execute(tick, Tick())

    assert is_fault(raised.value)
    assert hurried.writer.execute(tick, Tick()).position == 2
    for each in (another, hurried):
        each.database.close()
