"""Replay, edit and discard: recorded, guarded by the version, all or nothing."""

from collections.abc import Callable, Iterator

import attrs
import pytest

from shared_kernel.dead_letters.letter import (
    DEAD,
    PARKED,
    LetterChangedError,
    ReplayError,
    StillFailingError,
    UnknownDeadLetterError,
)
from shared_kernel.dead_letters.selection import Selection
from shared_kernel.repair.many import each_of
from shared_kernel.repair.payloads import InvalidPayloadError
from tests.databases import Databases
from tests.shared_kernel.repair.lamps import Lamps, a_payload, some_lamps

pytestmark = pytest.mark.proof_on("postgresql")

WRONG = a_payload("A", "bright")
RIGHT = a_payload("A", 40)


@pytest.fixture
def lamps(databases: Databases) -> Iterator[Lamps]:
    """Event 1 of lamp A cannot be read, 3 and 4 wait behind it; 2 is of lamp B."""
    with some_lamps(databases) as made:
        made.lit(("A", "bright"), ("B", 60), ("A", 41), ("A", 42))
        yield made


# ------------------------------------------------------------------------------ editing


def test_what_was_edited_is_applied_and_the_log_keeps_what_was_said(
    lamps: Lamps,
) -> None:
    lamps.letters.edit(1, RIGHT, who="ada", why="watts are a number")

    assert lamps.letters.replay(1, who="ben") == 3

    assert lamps.effects() == [(2, "60"), (1, "40"), (3, "41"), (4, "42")]
    assert lamps.log.read(0, 1)[0].data == WRONG


def test_an_edited_letter_keeps_what_it_was_at_first(lamps: Lamps) -> None:
    lamps.letters.edit(1, a_payload("A", 39))
    edited = lamps.letters.edit(1, RIGHT)

    assert (edited.envelope.data, edited.original) == (RIGHT, WRONG)
    assert edited.version == 3
    assert [each.data for each in lamps.letters.repairs()] == [
        a_payload("A", 39),
        WRONG,
    ]


def test_an_edit_and_the_replay_say_who_when_and_why(lamps: Lamps) -> None:
    lamps.letters.edit(1, RIGHT, who="ada", why="watts are a number")
    lamps.letters.replay(1, who="ben", why="mended")

    assert lamps.done() == [
        (1, "edited", "ada", "watts are a number"),
        (1, "replayed", "ben", "mended"),
        (2, "replayed", "ben", "mended"),
        (3, "replayed", "ben", "mended"),
    ]
    replayed = lamps.letters.repairs(letter=1, limit=1)[0]
    assert (replayed.at_us, replayed.data) == (lamps.clock.us, RIGHT)


@pytest.mark.parametrize(
    ("data", "field", "detail"),
    [
        (a_payload("A", "40"), "watts", "/watts: expected integer, by the schema lamp"),
        (b'{"sku": "A"}', "watts", "/watts: is required, by the schema lamp.lit.v1"),
        (b'{"watts": 40, "sku": "A", "sku": "A"}', "sku", "more than once"),
        (b'{"sku": "A"', None, "truncated"),
        (a_payload("B", 40), "sku", "/sku: expected 'A', the key of the event"),
    ],
    ids=["type", "missing", "twice", "broken", "another lamp"],
)
def test_a_payload_that_cannot_be_right_is_refused_and_nothing_changes(
    lamps: Lamps, data: bytes, field: str | None, detail: str
) -> None:
    before = lamps.all()

    with pytest.raises(InvalidPayloadError, match=detail) as refused:
        lamps.letters.edit(1, data)

    assert refused.value.field == field
    assert lamps.all() == before
    assert lamps.done() == []


def test_a_field_that_a_newer_producer_added_may_stay(lamps: Lamps) -> None:
    lamps.letters.edit(1, b'{"sku": "A", "watts": 40, "colour": "warm"}')

    assert lamps.letters.replay(1) == 3


def test_the_same_data_is_no_edit(lamps: Lamps) -> None:
    lamps.letters.edit(1, RIGHT)

    assert lamps.letters.edit(1, RIGHT).version == 2
    assert len(lamps.done()) == 1


def test_one_that_waits_can_be_edited_before_its_turn(lamps: Lamps) -> None:
    lamps.letters.edit(2, a_payload("A", 50))
    lamps.letters.edit(1, RIGHT)
    lamps.letters.replay(1)

    assert lamps.effects() == [(2, "60"), (1, "40"), (3, "50"), (4, "42")]


# ---------------------------------------------------------------------------- replaying


def test_a_replay_that_fails_again_changes_only_how_often_and_when(
    lamps: Lamps,
) -> None:
    (dead, *parked) = lamps.all()
    lamps.clock.advance(60)

    with pytest.raises(StillFailingError) as failed:
        lamps.letters.replay(1)

    assert (failed.value.number, failed.value.applied) == (1, 0)
    changed = attrs.evolve(
        dead,
        attempts=dead.attempts + 1,
        last_us=lamps.clock.us,
        version=2,
        failure=lamps.letters.show(1).failure,
    )
    assert lamps.all() == [changed, *parked]
    assert changed.failure is not None
    assert changed.failure.reason == dead.reason
    assert lamps.effects() == [(2, "60")]
    assert lamps.done() == []


def test_the_rest_of_a_sequence_stays_parked_behind_the_one_that_fails(
    lamps: Lamps,
) -> None:
    lamps.lit(("A", "dim"), ("A", 44))
    lamps.letters.edit(1, RIGHT)

    with pytest.raises(StillFailingError) as failed:
        lamps.letters.replay(1)

    assert (failed.value.number, failed.value.applied) == (4, 3)
    assert lamps.states() == [(5, DEAD), (6, PARKED)]
    assert lamps.effects() == [(2, "60"), (1, "40"), (3, "41"), (4, "42")]


def test_a_second_replay_has_no_effect_and_says_who_did_the_first(
    lamps: Lamps,
) -> None:
    lamps.letters.edit(1, RIGHT)
    lamps.letters.replay(1, who="ada")

    with pytest.raises(
        UnknownDeadLetterError,
        match=r"no dead letter 1: it was replayed by ada at 2026-03-01T12:00:00",
    ):
        lamps.letters.replay(1)

    assert len(lamps.effects()) == 4


# --------------------------------------------------------------------------- discarding


def test_what_is_discarded_is_recorded_whole_and_those_behind_it_are_applied(
    lamps: Lamps,
) -> None:
    assert lamps.letters.discard(1, who="ada", why="a test lamp") == 2

    assert lamps.effects() == [(2, "60"), (3, "41"), (4, "42")]
    assert lamps.done() == [
        (1, "discarded", "ada", "a test lamp"),
        (2, "replayed", "ada", "a test lamp"),
        (3, "replayed", "ada", "a test lamp"),
    ]
    assert lamps.letters.repairs(letter=1)[0].data == WRONG


def test_an_event_behind_a_discarded_one_that_fails_is_told(lamps: Lamps) -> None:
    lamps.letters.edit(1, RIGHT)
    lamps.letters.replay(1)
    lamps.lit(("A", "bright"), ("A", "dim"), ("A", 45))
    first = lamps.all()[0].number

    with pytest.raises(StillFailingError) as failed:
        lamps.letters.discard(first, why="a test lamp")

    assert failed.value.number == first + 1
    assert lamps.states() == [(6, DEAD), (7, PARKED)]
    assert lamps.done()[-1] == (first, "discarded", "", "a test lamp")


# ----------------------------------------------------------------------- two operators


@pytest.mark.parametrize(
    "act",
    [
        lambda lamps: lamps.letters.replay(1, expected=1),
        lambda lamps: lamps.letters.discard(1, expected=1),
        lambda lamps: lamps.letters.edit(1, a_payload("A", 39), expected=1),
    ],
    ids=["replay", "discard", "edit"],
)
def test_who_has_seen_an_older_version_is_told_and_nothing_changes(
    lamps: Lamps, act: Callable[[Lamps], object]
) -> None:
    lamps.letters.edit(1, RIGHT, who="ada")
    before = lamps.all(), lamps.effects(), lamps.done()

    with pytest.raises(LetterChangedError, match="it has version 2 now") as told:
        act(lamps)

    assert told.value.version == 2
    assert (lamps.all(), lamps.effects(), lamps.done()) == before


def test_who_has_seen_a_letter_that_is_gone_is_told_what_became_of_it(
    lamps: Lamps,
) -> None:
    lamps.letters.discard(1, who="ada")

    with pytest.raises(LetterChangedError, match="it was discarded by ada") as told:
        lamps.letters.edit(1, RIGHT, expected=1)

    assert told.value.version is None


def test_only_letters_of_queues_can_be_queued_again(lamps: Lamps) -> None:
    with pytest.raises(ReplayError, match="of no queue, but of the subscription"):
        lamps.letters.requeue(1)

    assert lamps.done() == []


# ----------------------------------------------------------------------------- several


def test_a_filter_chooses_the_dead_and_what_waits_follows_them(lamps: Lamps) -> None:
    lamps.lit(("C", "dim"))
    letters = lamps.letters

    every = letters.choose(Selection())
    of_c = letters.choose(Selection(key="C"))

    assert (every.numbers, every.waiting) == ((1, 4), 2)
    assert (of_c.numbers, of_c.waiting) == ((4,), 0)
    assert letters.choose(Selection(state=PARKED)).numbers == ()


def test_each_of_several_is_done_or_told_why_not(lamps: Lamps) -> None:
    lamps.lit(("C", "dim"), ("D", "off"))
    letters = lamps.letters
    chosen = letters.choose(Selection())
    letters.edit(1, RIGHT)
    letters.discard(5, who="ada")

    outcomes = list(each_of(chosen, letters.replay))

    assert [(each.number, each.done) for each in outcomes] == [(1, 3), (4, 0), (5, 0)]
    assert [each.is_elsewhere for each in outcomes] == [False, False, True]
    assert isinstance(outcomes[1].error, StillFailingError)
    assert lamps.states() == [(5, DEAD)]
