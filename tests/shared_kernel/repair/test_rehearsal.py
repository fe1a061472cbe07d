"""What a rehearsal says of dead letters, and that nothing comes of it."""

from collections.abc import Iterator

import attrs
import pytest
from sqlalchemy.exc import OperationalError
from structlog.contextvars import get_contextvars
from structlog.testing import capture_logs

from shared_kernel.dead_letters.letter import ReplayError, UnknownDeadLetterError
from shared_kernel.dead_letters.selection import Selection
from shared_kernel.repair import rehearsal, trying
from shared_kernel.repair.rehearsed import Outcomes, Rehearsed
from shared_kernel.repair.replay import DeadLetters
from tests.databases import Databases
from tests.shared_kernel.events.builders import SOURCE
from tests.shared_kernel.repair.shelves import (
    EVERY,
    LABELS,
    PLACES,
    Done,
    Shelves,
    shelves,
)


@pytest.fixture
def shop(databases: Databases) -> Iterator[Shelves]:
    with shelves(databases) as made:
        yield made


def told(rehearsed: Rehearsed) -> list[tuple[object, object, object]]:
    return [
        (
            each.key["shelf"],
            each.before and each.before["name"],
            each.after and each.after["name"],
        )
        for each in rehearsed.changes
    ]


def said(letters: DeadLetters, selection: Selection = EVERY) -> list[tuple[int, int]]:
    """How many events of each letter would be applied, and how many would not."""
    return [
        (each.applied, 1 + each.behind - each.applied)
        for each in letters.rehearse(selection)
    ]


def test_it_says_what_would_succeed_and_which_rows_would_change(shop: Shelves) -> None:
    shop.record("A", Done("put", "A1"))
    shop.read()
    shop.fail(2, 3)
    shop.record("A", Done("put", "A1", "chairs"))
    shop.record("B", Done("put", "B1"))
    shop.read(LABELS)
    shop.fail()

    first, second = shop.letters.rehearse(EVERY)

    assert (first.succeeds, first.applied, first.failing) == (True, 1, None)
    assert told(first) == [("A1", "lamps", "chairs")]
    assert told(second) == [("B1", None, "lamps")]
    assert second.changes[0].kind == "added"


def test_it_says_what_would_still_fail_and_why(shop: Shelves) -> None:
    shop.fail(1)
    shop.record("A", Done("put", "A1"))
    shop.read()

    (rehearsed,) = shop.letters.rehearse(EVERY)

    assert not rehearsed.succeeds
    assert rehearsed.failing == rehearsed.letter
    assert rehearsed.failure
    assert rehearsed.failure.reason == "UnreadableEventError: the label is smeared"
    assert rehearsed.failure.cause == rehearsed.letter.failure.cause  # type: ignore[union-attr]
    # Its row was written before it failed.
    assert rehearsed.changes == []


def test_what_waits_behind_a_letter_is_tried_in_order(shop: Shelves) -> None:
    shop.fail(1)
    shop.record("A", Done("put", "A1"), Done("put", "A2"), Done("clear", "A1"))
    shop.read(LABELS)
    shop.fail()

    (rehearsed,) = shop.letters.rehearse(EVERY)

    assert (rehearsed.applied, rehearsed.behind, rehearsed.untried) == (3, 2, 0)
    assert told(rehearsed) == [("A2", None, "lamps")]


def test_those_behind_one_that_fails_are_not_tried(shop: Shelves) -> None:
    shop.fail(1)
    shop.record("A", Done("put", "A1"), Done("put", "A2"), Done("put", "A3"))
    shop.read(LABELS)
    shop.fail(2)

    (rehearsed,) = shop.letters.rehearse(EVERY)

    assert (rehearsed.applied, rehearsed.untried) == (1, 1)
    assert rehearsed.failing
    assert rehearsed.failing.envelope.position == 2
    assert told(rehearsed) == [("A1", None, "lamps")]


def test_of_very_many_behind_one_letter_only_the_first_are_tried(
    shop: Shelves, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trying, "MOST_BEHIND", 2)
    shop.fail(1)
    shop.record("A", *[Done("put", "A1")] * 5)
    shop.read(LABELS)
    shop.fail()

    (rehearsed,) = shop.letters.rehearse(EVERY)

    assert rehearsed.succeeds
    assert (rehearsed.applied, rehearsed.untried) == (3, 2)


def test_a_letter_sees_what_those_before_it_would_have_changed(shop: Shelves) -> None:
    shop.fail(1, 2)
    shop.record("A", Done("add", "A1", "lamps"))
    shop.record("B", Done("add", "A1", "chairs"))
    shop.read(LABELS)
    shop.fail()

    first, second = shop.letters.rehearse(EVERY)

    assert first.succeeds
    assert second.failure
    assert second.failure.error_type == "ShelfIsTakenError"
    # Alone, it would find the shelf empty.
    assert shop.letters.rehearse_letter(second.letter.number).succeeds
    (alone,) = shop.letters.rehearse(Selection(key="B"))
    assert alone.succeeds


def test_a_letter_sees_what_those_of_an_earlier_batch_would_have_changed(
    shop: Shelves, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal, "BATCH", 1)
    shop.broken = {(PLACES, 1), (LABELS, 1), (LABELS, 2), (LABELS, 3)}
    shop.record("A", Done("add", "A1", "lamps"))
    shop.read()
    shop.record("B", Done("add", "A1", "chairs"))
    shop.record("C", Done("add", "C1", "chairs"))
    shop.read(LABELS)
    shop.fail()

    of_labels, of_places, other_key, other_row = shop.letters.rehearse(EVERY)

    assert told(of_labels) == [("A1", None, "lamps")]
    # The same key: what it says is there already.
    assert (of_places.succeeds, told(of_places)) == (True, [])
    # The same row.
    assert other_key.failure
    assert other_key.failure.message == "A1 is for lamps"
    assert other_row.succeeds
    # What was tried again before it is not unseen, nor is one that fails.
    assert [each.unseen for each in (of_labels, of_places, other_key)] == [0, 0, 0]
    assert other_row.unseen == 2


def test_it_warns_if_too_many_earlier_letters_are_needed(
    shop: Shelves, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal, "BATCH", 1)
    monkeypatch.setattr(rehearsal, "MOST_EARLIER", 1)
    shop.fail(1, 2, 3)
    for key in "ABC":
        shop.record(key, Done("put", "A1"))
    shop.read(LABELS)
    shop.fail()

    with capture_logs() as logged:
        assert len(list(shop.letters.rehearse(EVERY))) == 3

    assert [each["event"] for each in logged] == [
        "rehearsed without all earlier letters"
    ]


def test_a_letter_may_need_one_of_its_key_in_an_earlier_batch(
    shop: Shelves, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal, "BATCH", 1)
    shop.fail(1)
    shop.record("A", Done("print", "A1"))
    shop.read()
    shop.fail()

    put, renamed = shop.letters.rehearse(EVERY)

    assert put.succeeds
    # Alone, it would find no shelf.
    assert renamed.succeeds
    assert not shop.letters.rehearse_letter(renamed.letter.number).succeeds


def test_nothing_comes_of_it(shop: Shelves) -> None:
    shop.fail(1, 4)
    shop.record("A", Done("put", "A1"), Done("put", "A2"))
    shop.record("B", Done("put", "B1"))
    shop.record("C", Done("put", "C1"))
    shop.read()
    before = shop.letters.list(), shop.names(), shop.log.head()
    shop.fail(4)

    assert said(shop.letters) == [(2, 0), (0, 1)]
    assert said(shop.letters) == [(2, 0), (0, 1)]

    assert (shop.letters.list(), shop.names(), shop.log.head()) == before
    assert shop.letters.replay(1) == 2


def test_log_lines_of_a_rehearsal_say_so(shop: Shelves) -> None:
    shop.fail(1)
    shop.record("A", Done("put", "A1"))
    shop.read(LABELS)
    seen = []

    def apply(*_: object) -> None:
        seen.append(get_contextvars())

    DeadLetters(shop.database, {(LABELS, SOURCE): apply}).rehearse_letter(1)

    assert seen == [{"rehearsal": True}]
    assert get_contextvars() == {}


def test_a_filter_chooses_what_is_rehearsed(shop: Shelves) -> None:
    shop.broken = {(LABELS, 1), (PLACES, 2)}
    shop.record("A", Done("put", "A1"), Done("put", "A2"))
    shop.read()
    shop.fail()

    assert said(shop.letters, Selection(subscription=LABELS)) == [(2, 0)]
    assert said(shop.letters, Selection(subscription=PLACES, key="A")) == [(1, 0)]
    assert said(shop.letters, Selection(key="B")) == []
    assert said(shop.letters, Selection(state="parked")) == []


def test_one_letter_is_rehearsed_by_its_number(shop: Shelves) -> None:
    shop.fail(1)
    shop.record("A", Done("put", "A1"), Done("put", "A2"))
    shop.read(LABELS)
    shop.fail()

    assert shop.letters.rehearse_letter(1).applied == 2
    with pytest.raises(ReplayError, match="waits behind an earlier one of 'A'"):
        shop.letters.rehearse_letter(2)
    with pytest.raises(UnknownDeadLetterError):
        shop.letters.rehearse_letter(99)


def test_a_letter_that_nobody_reads_any_more_would_fail(shop: Shelves) -> None:
    shop.fail(1)
    shop.record("A", Done("put", "A1"))
    shop.read(LABELS)

    (rehearsed,) = DeadLetters(shop.database, {}).rehearse(EVERY)

    assert rehearsed.failure
    assert "there is no subscription 'labels'" in rehearsed.failure.message


def test_a_fault_of_the_infrastructure_ends_it(shop: Shelves) -> None:
    shop.fail(1)
    shop.record("A", Done("put", "A1"))
    shop.read(LABELS)

    def locked(*_: object) -> None:
        raise OperationalError("INSERT", None, Exception("locked"))

    letters = DeadLetters(shop.database, {(LABELS, SOURCE): locked})
    with pytest.raises(OperationalError):
        list(letters.rehearse(EVERY))


def test_between_two_batches_others_write_and_it_rests(
    shop: Shelves, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal, "BATCH", 1)
    shop.fail(1, 2)
    for key in "AB":
        shop.record(key, Done("put", f"{key}1"))
    shop.read(LABELS)
    shop.fail()
    rests = []

    def write(seconds: float) -> None:
        rests.append(seconds)
        shop.record("C", Done("put", f"C{len(rests)}"))
        shop.read(LABELS)

    rested = attrs.evolve(shop.letters._rehearsal, rest=write)

    assert [each.applied for each in rested.of(EVERY)] == [1, 1]
    assert len(rests) == 2
    assert all(0 < seconds < 5 for seconds in rests)
    assert shop.names().keys() == {"C1", "C2"}


def test_a_batch_ends_when_its_time_is_up(
    shop: Shelves, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal, "BATCH_S", 0)
    shop.fail(1, 2, 3)
    for key in "ABC":
        shop.record(key, Done("put", f"{key}1"))
    shop.read(LABELS)
    shop.fail()
    rests: list[float] = []
    rested = attrs.evolve(shop.letters._rehearsal, rest=rests.append)

    assert len(list(rested.of(EVERY))) == 3
    assert len(rests) == 2


def test_thousands_are_summed_up_by_cause(shop: Shelves) -> None:
    shop.fail(1, 3, 5, 7)
    for key in "ABCD":
        shop.record(key, Done("add", key), Done("put", key))
    shop.read(LABELS)
    shop.fail(3, 6)

    outcomes = Outcomes()
    for each in shop.letters.rehearse(EVERY):
        outcomes.add(f"shop:{each.letter.number}", each)

    good, bad = outcomes.by_cause
    assert good.was
    assert good.was.error_type == "UnreadableEventError"
    assert (good.failure, good.letters, good.events) == (None, 2, 4)
    assert bad.failure
    assert bad.failure.reason == "UnreadableEventError: the label is smeared"
    assert (bad.letters, bad.events, bad.example) == (2, 1, "shop:3")
    assert (outcomes.letters, outcomes.succeeding) == (4, 2)
    assert (outcomes.applied, outcomes.untried) == (5, 1)
    assert outcomes.rows == {("shelves", "added"): 3}
