"""Law 11 in the whole system: whatever is on the bus, only the log takes effect."""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing

import pytest

from shared_kernel.buses.port import EventBus
from tests.databases import OWNERS, Databases, Files
from tests.shared_kernel.events.builders import ManualClock
from tests.simulation.broker import Broker
from tests.simulation.chaos_bus import ChaosBus
from tests.simulation.crashes import (
    CrashPoints,
    crash_around_commits,
    crash_around_settling,
)
from tests.simulation.grounds import Fresh
from tests.simulation.laws import SUBSCRIPTIONS, history, violations
from tests.simulation.malicious_bus import MARK, MaliciousBus, kinds_sent, thief
from tests.simulation.scenarios import scenarios
from tests.simulation.test_crash_points import NAMES, SEED, play
from tests.simulation.test_replicas import Replicas, repeats, suspend_before_writing
from tests.simulation.world import World

pytestmark = pytest.mark.slow

DROPPED = {"other-log", "seal", "form"}
CRASH_EVERY = 40
TABLES = {
    True: "SELECT name FROM sqlite_master WHERE type = 'table'",
    False: "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
}


@pytest.fixture(autouse=True)
def _up_to_date(no_migrations: None) -> None:
    """For all tests in this module."""


@pytest.mark.proof_on("postgresql")
@pytest.mark.parametrize("remote", [False, True], ids=["seals", "confirmed"])
@pytest.mark.parametrize("name", NAMES)
def test_no_false_message_changes_the_outcome(
    name: str, fresh: Fresh, monkeypatch: pytest.MonkeyPatch, remote: bool
) -> None:
    deeds, seed = scenarios(monkeypatch)[name], SEED + NAMES.index(name)
    with closing(World(fresh(), seed, CrashPoints())) as world:
        play(world, deeds)
    quiet = history(world.databases)

    databases, sent = fresh(), Counter[str]()
    bus = with_false_messages(databases, seed, sent, remote=remote)
    with closing(World(databases, seed, CrashPoints(), bus=bus)) as world:
        play(world, deeds)
        # What was delivered last is looked at, and then counted.
        for _ in range(2):
            world.clock.advance(2)
            for worker in world.workers:
                worker.step()

    assert violations(databases) == []
    assert history(databases) == quiet
    assert sent.keys() == set(kinds_sent(remote=remote))
    assert dropped(databases).keys() >= DROPPED
    assert forged(databases) == []


@pytest.mark.proof_on("postgresql")
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_false_lost_and_disordered_messages_with_crashes(
    seed: int, fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    deeds = scenarios(monkeypatch)["discontinuing and relisting"]
    databases, points, sent = fresh(), CrashPoints(), Counter[str]()
    remote = bool(seed % 2)
    bus = with_false_messages(
        databases,
        seed,
        sent,
        remote=remote,
        carried_by=lambda: ChaosBus(Broker(), seed),
    )

    with monkeypatch.context() as patch:
        world = World(databases, seed, points, bus=bus)
        crash_around_commits(patch, points)
        crash_around_settling(patch, points)
        with closing(world):
            points.crash_at = CRASH_EVERY
            play(world, deeds)

    assert world.lives > 1
    assert violations(databases) == []
    assert world.forgotten() == []
    assert sent.keys() == set(kinds_sent(remote=remote))
    assert forged(databases) == []


@pytest.mark.proof_on("postgresql")
@pytest.mark.slow
@pytest.mark.parametrize("remote", [False, True], ids=["seals", "confirmed"])
def test_false_messages_to_replicas_that_believe_they_lead(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch, remote: bool
) -> None:
    deeds = scenarios(monkeypatch)["discontinuing and relisting"]
    databases, sent = fresh(), Counter[str]()
    bus = with_false_messages(databases, SEED, sent, remote=remote)

    with ExitStack() as stack, monkeypatch.context() as patch:
        clock, repeated = ManualClock(), repeats(patch)
        worlds = [
            World(databases, SEED, CrashPoints(), bus=bus, clock=clock, name=name)
            for name in ("one", "other")
        ]
        for world in worlds:
            stack.enter_context(closing(world))
        replicas = Replicas(worlds, clock, random.Random(SEED), worlds[0])
        suspend_before_writing(patch, replicas.may_suspend)
        replicas.play(deeds)

    assert replicas.suspensions > 0
    assert repeated == []
    assert violations(databases) == []
    assert sent.keys() == set(kinds_sent(remote=remote))
    assert forged(databases) == []


def with_false_messages(
    databases: Databases,
    seed: int,
    sent: Counter[str],
    *,
    remote: bool,
    carried_by: Callable[[], EventBus] = Broker,
) -> Callable[[], EventBus]:
    """A new bus for each run; all count in `sent`."""

    def bus() -> EventBus:
        made = MaliciousBus(carried_by(), seed, thief(databases), remote=remote)
        made.sent = sent
        return made

    return bus


def dropped(databases: Databases) -> Counter[str]:
    counts: Counter[str] = Counter()
    for owner in SUBSCRIPTIONS:
        for reason, count in databases.rows(
            owner, "SELECT reason, count FROM dropped_messages"
        ):
            counts[reason] += count
    return counts


def forged(databases: Databases) -> list[str]:
    """The rows, of all tables, that contain an invented value."""
    return [
        f"{owner}.{table}: {row}"
        for owner in OWNERS
        for (table,) in databases.rows(owner, TABLES[isinstance(databases, Files)])
        for row in databases.rows(owner, f"SELECT * FROM {table}")
        if MARK in repr(row).lower()
    ]
