"""Law 11 in the whole system: whatever is said on the bus, only the log comes true."""

from collections import Counter
from contextlib import closing

import pytest

from shared_kernel.buses.in_process import InProcessBus
from shared_kernel.buses.port import EventBus
from tests.databases import Databases
from tests.simulation.chaos_bus import ChaosBus
from tests.simulation.crashes import (
    CrashPoints,
    crash_around_commits,
    crash_around_settling,
)
from tests.simulation.grounds import Fresh
from tests.simulation.laws import SUBSCRIPTIONS, history, violations
from tests.simulation.malicious_bus import LIES_OF, MaliciousBus, thief
from tests.simulation.scenarios import scenarios
from tests.simulation.test_crash_points import NAMES, SEED, play
from tests.simulation.world import World

DROPPED = {"other-log", "seal", "form"}
CRASH_EVERY = 40


@pytest.fixture(autouse=True)
def _up_to_date(no_migrations: None) -> None:
    """For all tests here."""


def dropped(databases: Databases) -> Counter[str]:
    counts: Counter[str] = Counter()
    for owner in SUBSCRIPTIONS:
        for reason, count in databases.rows(
            owner, "SELECT reason, count FROM dropped_messages"
        ):
            counts[reason] += count
    return counts


@pytest.mark.parametrize("remote", [False, True], ids=["seals", "confirmed"])
@pytest.mark.parametrize("name", NAMES)
def test_no_lie_changes_what_happens(
    name: str, fresh: Fresh, monkeypatch: pytest.MonkeyPatch, remote: bool
) -> None:
    deeds = scenarios(monkeypatch)[name]
    with closing(World(fresh(), SEED, CrashPoints())) as world:
        play(world, deeds)
    quiet = history(world.databases)

    databases, buses = fresh(), list[MaliciousBus]()

    def lied_over() -> EventBus:
        buses.append(
            MaliciousBus(InProcessBus(), SEED, thief(databases), remote=remote)
        )
        return buses[-1]

    with closing(World(databases, SEED, CrashPoints(), bus=lied_over)) as world:
        play(world, deeds)
        world.clock.advance(2)
        for worker in world.workers:
            worker.step()

    assert violations(databases) == []
    assert history(databases) == quiet
    assert dropped(databases).keys() >= DROPPED
    assert "FORGED" not in told_by(databases)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_lies_loss_disorder_and_crashes_together(
    seed: int, fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    deeds = scenarios(monkeypatch)["discontinuing and relisting"]
    databases, points = fresh(), CrashPoints()
    told: Counter[str] = Counter()

    def treacherous() -> EventBus:
        bus = MaliciousBus(
            ChaosBus(InProcessBus(), seed),
            seed,
            thief(databases),
            remote=bool(seed % 2),
        )
        bus.told = told
        return bus

    with monkeypatch.context() as patch:
        world = World(databases, seed, points, bus=treacherous)
        crash_around_commits(patch, points)
        crash_around_settling(patch, points)
        with closing(world):
            points.crash_at = CRASH_EVERY
            play(world, deeds)

    assert world.lives > 1
    assert violations(databases) == []
    assert world.forgotten() == []
    assert told.keys() == LIES_OF.keys()
    assert "FORGED" not in told_by(databases)


def told_by(databases: Databases) -> str:
    """All that readers can see."""
    return repr(
        [
            databases.rows("catalog_read", "SELECT * FROM product_listing"),
            databases.rows("inventory", "SELECT * FROM stock_items"),
            databases.rows("inventory_read", "SELECT * FROM stock_movements"),
            *(
                databases.rows(owner, "SELECT * FROM dead_letters")
                for owner in SUBSCRIPTIONS
            ),
        ]
    )
