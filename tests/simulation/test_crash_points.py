"""Each scenario, crashed around every commit, publish and delivery in turn."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.simulation.crashes import Crash, CrashPoints, crash_around_commits
from tests.simulation.laws import history, violations
from tests.simulation.scenarios import Deed, scenarios
from tests.simulation.world import World, copy_of

PATIENCE = 3000
NAMES = [
    "registering",
    "reserving and shipping",
    "discontinuing and relisting",
    "a count that releases",
    "an event that fails for a while",
    "reservations that expire",
]
SEED = 20260301


def play(world: World, deeds: Sequence[Deed]) -> None:
    """Deeds in their order, steps of workers in any; a crash, and on with the same."""
    left = list(deeds)
    for _ in range(PATIENCE):
        try:
            if left and world.chance.random() < 0.3:
                if left[0](world):
                    del left[0]
            elif not left and world.at_rest():
                return
            else:
                world.turn()
        except Crash:
            world.restart()
    raise AssertionError(f"does not come to rest, with {len(left)} deeds left")


def test_the_scenarios_are_all_played(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(scenarios(monkeypatch)) == NAMES


@pytest.mark.slow
@pytest.mark.usefixtures("no_migrations")
@pytest.mark.parametrize("name", NAMES)
def test_a_crash_at_any_point_changes_nothing_of_what_happened(
    name: str, template: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deeds = scenarios(monkeypatch)[name]

    def played(number: int, crash_at: int | None) -> tuple[CrashPoints, World]:
        points = CrashPoints()
        with monkeypatch.context() as patch:
            world = World(copy_of(template, folder / str(number)), SEED, points)
            crash_around_commits(patch, points)
            points.crash_at = crash_at
            try:
                play(world, deeds)
            finally:
                world.close()
        return points, world

    points, world = played(0, None)
    undisturbed = history(world.databases)
    assert violations(world.databases) == []

    for crash_at in range(1, points.passed + 1):
        crashed, world = played(crash_at, crash_at)

        where = f"crashed at point {crash_at}, {crashed.crashed}"
        assert world.lives == 2, where
        assert violations(world.databases) == [], where
        assert world.forgotten() == [], where
        assert history(world.databases) == undisturbed, where
