"""An event that was edited is applied as edited by who reads the log again."""

from collections.abc import Iterator

import attrs
import pytest

from shared_kernel.dead_letters import edited, store
from shared_kernel.dead_letters.deviations import deviations
from shared_kernel.dead_letters.letter import DEAD, PARKED
from shared_kernel.events.cursors import begin_anew
from tests.databases import Databases
from tests.shared_kernel.events.builders import SOURCE
from tests.shared_kernel.repair.lamps import NAME, Lamps, a_payload, some_lamps

pytestmark = pytest.mark.proof_on("postgresql")


@pytest.fixture
def lamps(databases: Databases) -> Iterator[Lamps]:
    with some_lamps(databases) as lamps:
        yield lamps


def edit(lamps: Lamps, number: int, watts: int, key: str = "A") -> None:
    lamps.letters.edit(number, a_payload(key, watts), who="ada", why="watts")


def read_again(lamps: Lamps) -> list[tuple[int, str]]:
    """What a reader applies that begins anew: position and watts."""
    before = len(lamps.effects())
    with lamps.reader.writing() as connection:
        begin_anew(connection, NAME, SOURCE)
        store.let_go(connection, NAME, SOURCE)
    lamps.read()
    return lamps.effects()[before:]


def test_a_reader_that_begins_anew_applies_it_as_edited(lamps: Lamps) -> None:
    lamps.lit(("A", "bright"), ("B", 5), ("A", 7))
    edit(lamps, 1, 40)
    lamps.letters.replay(1)

    assert read_again(lamps) == [(1, "40"), (2, "5"), (3, "7")]
    assert lamps.all() == []


def test_also_if_it_was_edited_and_not_replayed_yet(lamps: Lamps) -> None:
    lamps.lit(("A", "bright"), ("A", 7))
    edit(lamps, 1, 40)
    edit(lamps, 1, 41)

    assert read_again(lamps) == [(1, "41"), (2, "7")]


def test_one_that_waits_behind_another_letter_waits_as_edited(lamps: Lamps) -> None:
    lamps.lit(("A", "dim"), ("A", "bright"))
    edit(lamps, 2, 40)

    assert read_again(lamps) == []

    dead, parked = lamps.all()
    assert (dead.state, parked.state) == (DEAD, PARKED)
    assert dead.original is None
    assert parked.envelope.data == a_payload("A", 40)
    assert parked.original == a_payload("A", "bright")
    edit(lamps, dead.number, 1)
    lamps.letters.replay(dead.number)
    assert lamps.effects() == [(1, "1"), (2, "40")]


def test_if_it_fails_again_the_letter_says_what_was_applied(lamps: Lamps) -> None:
    lamps.lit(("A", "bright"))
    (letter,) = lamps.all()
    with lamps.reader.writing() as connection:
        edited.put(connection, letter, a_payload("A", "dim"))

    assert read_again(lamps) == []

    (letter,) = lamps.all()
    assert letter.envelope.data == a_payload("A", "dim")
    assert letter.original == a_payload("A", "bright")


def test_once_that_is_forgotten_it_is_applied_as_published(lamps: Lamps) -> None:
    lamps.lit(("A", "bright"))
    edit(lamps, 1, 40)
    with lamps.reader.writing() as connection:
        assert edited.count(connection, NAME, SOURCE) == 1
        assert edited.keys(connection, NAME, SOURCE) == {"A"}
        edited.forget(connection, NAME, SOURCE)

    assert read_again(lamps) == []
    assert lamps.states() == [(1, DEAD)]


def test_one_that_was_discarded_after_all_stays_discarded(lamps: Lamps) -> None:
    lamps.lit(("A", "bright"), ("A", 7))
    edit(lamps, 1, 40)
    lamps.letters.discard(1, who="ada", why="a test lamp")

    assert read_again(lamps) == [(2, "7")]


def test_it_counts_for_its_own_subscription_and_log_only(lamps: Lamps) -> None:
    lamps.lit(("A", "bright"))
    edit(lamps, 1, 40)
    batch = lamps.log.read(0, 10)
    replaced = [attrs.evolve(batch[0], id="another")]

    with lamps.reader.reading() as connection:
        ours = deviations(connection, NAME, SOURCE, batch)
        others = deviations(connection, "another", SOURCE, batch)
        elsewhere = deviations(connection, NAME, SOURCE, replaced)

    unblocked = attrs.evolve(ours, keys=set())
    assert [each.data for each in unblocked.applicable(batch)] == [a_payload("A", 40)]
    assert not others
    unblocked = attrs.evolve(elsewhere, keys=set())
    assert unblocked.applicable(replaced) == replaced
