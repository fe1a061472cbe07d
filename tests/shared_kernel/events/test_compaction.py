"""A compacted log has less history, but the same state."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_kernel.buses.envelope import Envelope
from shared_kernel.events import compaction
from shared_kernel.events.compaction import Compaction, Dated
from shared_kernel.events.entries import Entry
from shared_kernel.events.errors import UnreadableEventError
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.subscription import Subscription
from shared_kernel.storage.database import Database
from tests.shared_kernel.events.builders import (
    SOURCE,
    ManualClock,
    a_database,
    applied,
    apply_effects,
)
from tests.storehouses import Crash, Moment, crash_at_commit

Fact = tuple[str, str, int]
"""A key, the state of its light, and the time in µs."""


def light(envelope: Envelope) -> bytes:
    if envelope.data == b"broken":
        raise UnreadableEventError(str(envelope))
    return envelope.data


RULES: list[Dated | None] = [None, light]


@attrs.define
class Shown:
    """A reader's row for one key: the newest state, and since when."""

    first: int
    state: bytes
    since_us: int


def fold(
    events: Iterable[Envelope],
    dated: Dated | None,
    rows: dict[str, Shown] | None = None,
) -> dict[str, Shown]:
    """Project like the product listing, starting from a copy of `rows`."""
    rows = {key: attrs.evolve(row) for key, row in (rows or {}).items()}
    for event in events:
        row = rows.get(event.key)
        if row is None:
            row = Shown(event.position, event.data, event.time_us)
            rows[event.key] = row
        if dated is None or row.state != event.data:
            row.since_us = max(row.since_us, event.time_us)
        row.state = event.data
    return rows


def record(log: EventLog, facts: Iterable[Fact]) -> None:
    with log.database.writing() as connection:
        for key, state, time_us in facts:
            entry = Entry("lamp.lit", key, state.encode(), None)
            log.append(connection, [entry], time_us)
    log.settle()


def lamp(*states: str, key: str = "A") -> list[Fact]:
    """One event a microsecond."""
    return [(key, state, number) for number, state in enumerate(states, start=1)]


def whole(log: EventLog) -> list[Envelope]:
    return log.read(0, 100_000)


def positions(log: EventLog) -> list[int]:
    return [envelope.position for envelope in whole(log)]


def compact(
    log: EventLog,
    end: int | None = None,
    dated: Dated | None = None,
    *,
    spared: Sequence[str] = (),
    since_us: int | None = None,
    rehearsal: bool = False,
) -> Compaction:
    compaction = Compaction(
        log,
        log.head() if end is None else end,
        dated,
        spared=spared,
        since_us=since_us,
        rehearsal=rehearsal,
    )
    while compaction.step():
        pass
    return compaction


def test_the_first_and_the_newest_event_of_each_key_stay(log: EventLog) -> None:
    record(log, lamp("on", "off", "on", "off"))
    record(log, lamp("on", key="B"))
    record(log, lamp("on", "off", "dim", key="C"))

    done = compact(log)

    assert positions(log) == [1, 4, 5, 6, 8]
    assert (done.looked_at, done.deleted, done.kept) == (8, 3, 5)


def test_the_last_three_changes_of_dated_state_stay(log: EventLog) -> None:
    record(log, lamp("a", "a", "b", "b", "c", "d", "d", "e", "e", "e"))

    compact(log, dated=light)

    assert positions(log) == [1, 5, 6, 8, 10]


def test_a_reader_with_an_old_cursor_dates_the_last_change(log: EventLog) -> None:
    record(log, lamp("on", "off", "on", "off"))
    events = whole(log)
    stopped = fold(events[:2], light)

    compact(log, dated=light)
    compact(log, dated=light)

    assert fold(log.read(2, 10), light, stopped) == fold(events, light)


def test_after_a_clock_was_set_back_the_latest_change_stays_too(log: EventLog) -> None:
    record(log, [("A", state, 50 + n) for n, state in enumerate("abcdef")])
    record(log, [("A", state, n) for n, state in enumerate("abcdef")])

    compact(log, dated=light)

    assert positions(log) == [1, 4, 5, 6, 10, 11, 12]


def test_without_a_rule_the_event_with_the_latest_time_stays(log: EventLog) -> None:
    record(log, [("A", "a", 1), ("A", "b", 9), ("A", "c", 2), ("A", "d", 3)])

    compact(log)

    assert positions(log) == [1, 2, 4]


def test_nothing_after_the_end_is_deleted(log: EventLog) -> None:
    record(log, lamp(*"abcdefgh"))

    done = compact(log, end=4)

    assert positions(log) == [1, 4, 5, 6, 7, 8]
    assert done.position == 4


def test_compaction_stops_at_the_first_recent_event(log: EventLog) -> None:
    times = [1, 2, 3, 30, 4, 31]
    record(log, [("A", "on", time_us) for time_us in times])

    done = compact(log, since_us=30)

    assert positions(log) == [1, 3, 4, 5, 6]
    assert done.position == 3


@pytest.mark.parametrize("end", [0, 1, 99])
def test_a_log_without_superseded_events_stays_as_it_is(
    log: EventLog, end: int
) -> None:
    record(log, lamp("on"))

    assert compact(log, end).deleted == 0
    assert positions(log) == [1]


def test_a_spared_key_keeps_all_its_events(log: EventLog) -> None:
    record(log, lamp("a", "b", "c"))
    record(log, lamp("a", "b", "c", key="B"))

    compact(log, spared=["B"])

    assert positions(log) == [1, 3, 4, 5, 6]


def test_an_event_that_cannot_be_read_supersedes_nothing(log: EventLog) -> None:
    record(log, lamp("a", "a", "a", "broken", "a", "a"))

    compact(log, dated=light)

    assert positions(log) == [1, 3, 4, 5, 6]


def test_a_rehearsal_counts_and_deletes_nothing(log: EventLog) -> None:
    record(log, lamp(*"abcdefgh"))

    rehearsed = compact(log, rehearsal=True)

    assert positions(log) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert rehearsed.deleted == compact(log).deleted == 6


def test_new_events_follow_the_head_and_supersede_kept_ones(
    log: EventLog,
) -> None:
    record(log, lamp(*"abc"))
    compact(log)

    record(log, [("A", "d", 4), ("A", "e", 5)])
    assert positions(log) == [1, 3, 4, 5]

    compact(log)
    assert positions(log) == [1, 5]


@pytest.mark.parametrize("moment", ["instead of", "after"])
def test_a_crash_at_any_commit_leaves_a_valid_log(
    tmp_path: Path, moment: Moment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "BATCH", 2)
    with a_database(tmp_path / "log.db") as database:
        log = EventLog(database, SOURCE)
        record(log, lamp(*"aabbaabbaab"))
        record(log, lamp(*"ab", key="B"))
        expected = fold(whole(log), light)
        crashed = 0
        while True:
            with pytest.MonkeyPatch.context() as patch, suppress(Crash):
                # It gets a little further each time.
                crash_at_commit(patch, crashed + 1, moment)
                compact(log, dated=light)
                break
            crashed += 1
            assert fold(whole(log), light) == expected

        assert crashed > 1
        assert fold(whole(log), light) == expected
        assert positions(log) == [1, 7, 9, 11, 12, 13]


def test_a_failed_deletion_is_repeated_by_the_next_step(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(log, lamp(*"abcdef"))
    done = Compaction(log, 6)
    with monkeypatch.context() as patch:
        crash_at_commit(patch, 1, "instead of")
        with pytest.raises(Crash):
            done.step()
    assert positions(log) == [1, 2, 3, 4, 5, 6]

    done.step()

    assert positions(log) == [1, 6]
    assert (done.looked_at, done.deleted) == (6, 4)


def test_a_step_reads_and_deletes_about_one_batch(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "BATCH", 10)
    record(log, lamp(*"ab" * 50))
    done = Compaction(log, 100)
    deleted: list[int] = []
    while done.step():
        deleted.append(done.deleted - sum(deleted))

    assert deleted == [8] + 9 * [10]


def test_a_subscription_continues_across_compacted_positions(
    log: EventLog, subscriber: Database, clock: ManualClock
) -> None:
    record(log, lamp(*"abcdef"))
    compact(log, end=5)
    reader = Subscription(
        "new", log, subscriber, apply_effects, holder="here", clock=clock
    )

    while reader.step():
        pass

    assert applied(subscriber) == [1, 5, 6]
    assert reader.cursor.saved() == log.head() == 6


def empty(log: EventLog) -> None:
    with log.database.writing() as connection:
        for table in ("event_log", "compacted_events"):
            connection.exec_driver_sql(f"DELETE FROM {table}")


@pytest.fixture(scope="module")
def lasting_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventLog]:
    with a_database(tmp_path_factory.mktemp("log") / "log.db") as database:
        yield EventLog(database, SOURCE)


keys = st.sampled_from(["A", "A", "B"])
states = st.sampled_from(["on", "off", "dim"])
# Times may go back: clocks are sometimes set back.
facts = st.lists(st.tuples(keys, states, st.integers(0, 12)), max_size=24)
rounds = st.lists(st.tuples(st.integers(0, 24), st.integers(0, 8)), max_size=4)


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
@given(facts=facts, rounds=rounds)
def test_any_reader_of_a_compacted_log_reaches_the_same_state(
    lasting_log: EventLog,
    rule: Dated | None,
    facts: list[Fact],
    rounds: list[tuple[int, int]],
) -> None:
    """From the beginning, from any earlier place, or in steps between compactions."""
    log = lasting_log
    empty(log)
    record(log, facts)
    events = whole(log)
    expected = fold(events, rule)
    slow, slowly = 0, fold([], rule)

    for end, bit in rounds:
        some = log.read(slow, bit)
        slow, slowly = some[-1].position if some else slow, fold(some, rule, slowly)
        compact(log, end, rule)
        for place in range(len(events) + 1):
            before = fold(events[:place], rule)
            assert fold(log.read(place, 100), rule, before) == expected

    assert fold(log.read(slow, 100), rule, slowly) == expected
    assert log.head() == len(events)


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
@given(facts=facts)
def test_compacting_again_deletes_nothing_more(
    lasting_log: EventLog, rule: Dated | None, facts: list[Fact]
) -> None:
    empty(lasting_log)
    record(lasting_log, [(key, state, at) for at, (key, state, _) in enumerate(facts)])
    compact(lasting_log, dated=rule)

    assert compact(lasting_log, dated=rule).deleted == 0
