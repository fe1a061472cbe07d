"""Several operators at the same letter at once: one does it, the others are told."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from shared_kernel.dead_letters.letter import (
    LetterChangedError,
    ReplayError,
    StillFailingError,
)
from shared_kernel.repair.replay import DeadLetters
from tests.databases import Databases
from tests.shared_kernel.repair.lamps import Lamps, a_payload, some_lamps

pytestmark = pytest.mark.proof_on("postgresql")

SEEN = 1
"""The version that all of them have seen."""

Act = Callable[[DeadLetters], object]
ACTS: dict[str, Act] = {
    "discard": lambda of: of.discard(1, who="discard", expected=SEEN),
    "edit": lambda of: of.edit(1, a_payload("A", 40), who="edit", expected=SEEN),
    "edit otherwise": lambda of: of.edit(
        1, a_payload("A", 41), who="edit otherwise", expected=SEEN
    ),
    "discard too": lambda of: of.discard(1, who="discard too", expected=SEEN),
}
EFFECTS = {"discard": [(2, "42")], "discard too": [(2, "42")]}


@pytest.fixture
def lamps(databases: Databases) -> Iterator[Lamps]:
    """Event 1 of lamp A cannot be read, and 2 waits behind it."""
    with some_lamps(databases) as made:
        made.lit(("A", "bright"), ("A", 42))
        yield made


@contextmanager
def operators(databases: Databases, count: int) -> Iterator[list[DeadLetters]]:
    """Each with connections of its own, as in another process."""
    with ExitStack() as stack:
        yield [stack.enter_context(some_lamps(databases)).letters for _ in range(count)]


def at_once(
    letters: Sequence[DeadLetters], acts: Sequence[Act]
) -> list[ReplayError | None]:
    """What each is told; None if it was done."""
    together = threading.Barrier(len(acts))

    def do(of: DeadLetters, act: Act) -> ReplayError | None:
        together.wait(20)
        try:
            act(of)
        except ReplayError as error:
            return error
        return None

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(do, letters, acts))


def test_of_several_at_once_one_does_it_and_the_others_are_told(
    lamps: Lamps, databases: Databases
) -> None:
    with operators(databases, len(ACTS)) as letters:
        told = at_once(letters, list(ACTS.values()))

    (winner,) = [name for name, error in zip(ACTS, told, strict=True) if error is None]
    assert all(isinstance(each, LetterChangedError) for each in told if each)
    assert lamps.effects() == EFFECTS.get(winner, [])
    assert {who for _, _, who, _ in lamps.done()} == {winner}


def test_of_two_replays_at_once_one_applies_the_sequence(
    lamps: Lamps, databases: Databases
) -> None:
    lamps.letters.edit(1, a_payload("A", 40))

    with operators(databases, 2) as letters:
        told = at_once(letters, [lambda of: of.replay(1)] * 2)

    assert sorted(each is None for each in told) == [False, True]
    assert lamps.effects() == [(1, "40"), (2, "42")]
    assert [action for _, action, _, _ in lamps.done()] == [
        "edited",
        "replayed",
        "replayed",
    ]


def test_two_replays_at_once_that_fail_count_once_for_who_saw_the_same(
    lamps: Lamps, databases: Databases
) -> None:
    with operators(databases, 2) as letters:
        told = at_once(letters, [lambda of: of.replay(1, expected=SEEN)] * 2)

    assert {type(each) for each in told} == {StillFailingError, LetterChangedError}
    assert (lamps.letters.show(1).attempts, lamps.letters.show(1).version) == (2, 2)
    assert lamps.effects() == []
