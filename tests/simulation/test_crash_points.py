"""Each scenario, crashed around every commit, publish and delivery in turn.

On PostgreSQL also around each giving of positions. There every fifth point is used,
with another start in each scenario: most points come in pairs, and every second one
would always be the same half. Using all of them would take five times as long.
"""

from collections.abc import Sequence

import pytest

from tests.databases import Schemas
from tests.simulation.crashes import (
    Crash,
    CrashPoints,
    crash_around_commits,
    crash_around_settling,
)
from tests.simulation.grounds import Fresh
from tests.simulation.laws import history, violations
from tests.simulation.scenarios import Deed, scenarios
from tests.simulation.world import World

RETRIES = 3000
NAMES = [
    "registering",
    "reserving and shipping",
    "discontinuing and relisting",
    "a count that releases",
    "an event that fails for a while",
    "a letter that is edited",
    "reservations that expire",
]
LONGER = [name for name in NAMES if name != "a count that releases"]
SEED = 20260301
POSTGRESQL_TAKES_EVERY = 5


def play(world: World, deeds: Sequence[Deed]) -> None:
    """Deeds in order, worker steps in any order; after a crash it continues."""
    left = list(deeds)
    for _ in range(RETRIES):
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


def test_all_scenarios_are_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(scenarios(monkeypatch)) == NAMES


@pytest.mark.proof_on("postgresql", *LONGER)
@pytest.mark.slow
@pytest.mark.usefixtures("no_migrations")
@pytest.mark.parametrize("name", NAMES)
def test_a_crash_at_any_point_loses_and_repeats_nothing(
    name: str, fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    deeds = scenarios(monkeypatch)[name]
    postgresql = isinstance(fresh(), Schemas)

    def played(crash_at: int | None = None) -> tuple[CrashPoints, World]:
        points = CrashPoints()
        with monkeypatch.context() as patch:
            world = World(fresh(), SEED, points)
            crash_around_commits(patch, points)
            crash_around_settling(patch, points)
            points.crash_at = crash_at
            try:
                play(world, deeds)
            finally:
                world.close()
        return points, world

    points, world = played()
    undisturbed = history(world.databases)
    assert violations(world.databases) == []
    if postgresql:
        assert {"before positions in catalog", "after positions in inventory"} <= set(
            points.places
        )

    every = POSTGRESQL_TAKES_EVERY if postgresql else 1
    first = 1 + NAMES.index(name) % every
    for crash_at in range(first, points.passed + 1, every):
        crashed, world = played(crash_at)

        where = f"crashed at point {crash_at}, {crashed.crashed}"
        assert world.lives == 2, where
        assert violations(world.databases) == [], where
        assert world.forgotten() == [], where
        assert history(world.databases) == undisturbed, where
