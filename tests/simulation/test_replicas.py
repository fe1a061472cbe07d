"""Two replicas of everything on the same databases, each suspended within its steps.

A replica that is suspended just before a transaction, for longer than its leases last,
continues with outdated knowledge, while the other one has taken over.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

import attrs
import pytest
from sqlalchemy.engine import Connection

from shared_kernel.clock import Moment
from shared_kernel.events.cursors import LEASE_US, Cursor, Place
from shared_kernel.events.positions import AfterCommit
from shared_kernel.storage.database import Database
from tests.databases import Databases
from tests.shared_kernel.events.builders import ManualClock
from tests.simulation.crashes import CrashPoints
from tests.simulation.grounds import Fresh
from tests.simulation.laws import history, violations
from tests.simulation.scenarios import Deed, scenarios
from tests.simulation.test_crash_points import NAMES, RETRIES, SEED, play
from tests.simulation.world import World

SEEDS = range(4)
OFTEN = 0.08
# A suspension takes time, and reservations last half a minute.
UNHURRIED = [name for name in NAMES if name != "reservations that expire"]


@attrs.define(eq=False)
class Replicas:
    """One runs at a time; `suspensions` counts how often the other one took over."""

    worlds: Sequence[World]
    clock: ManualClock
    chance: random.Random
    running: World
    suspensions: int = 0
    _suspended: bool = False

    def play(self, deeds: Sequence[Deed]) -> None:
        """Deeds in order, each in any replica, and steps of any worker."""
        left = list(deeds)
        for _ in range(RETRIES):
            self.running = self.chance.choice(self.worlds)
            if left and self.chance.random() < 0.3:
                if left[0](self.running):
                    del left[0]
            elif not left and all(
                each.idle and each.all_applied() for each in self.worlds
            ):
                return
            else:
                self.running.turn()
        raise AssertionError(f"does not come to rest, with {len(left)} deeds left")

    def may_suspend(self) -> None:
        if self._suspended or self.chance.random() > OFTEN:
            return
        self._suspended = True
        self.suspensions += 1
        (other,) = (world for world in self.worlds if world is not self.running)
        self.clock.advance(LEASE_US / 1e6 + self.chance.random())
        for _ in range(self.chance.randint(1, 30)):
            other.turn()
        self._suspended = False


def suspend_before_writing(
    patch: pytest.MonkeyPatch, may_suspend: Callable[[], None]
) -> None:
    """Before transactions and before the giving of positions, never in them.

    A replica suspended in a transaction would make others wait, which is not possible
    here.
    """
    writing, settle = Database.writing, AfterCommit.settle

    @contextmanager
    def late_writing(database: Database) -> Iterator[Connection]:
        may_suspend()
        with writing(database) as connection:
            yield connection

    def late_settle(positions: AfterCommit) -> int:
        may_suspend()
        return settle(positions)

    patch.setattr(Database, "writing", late_writing)
    patch.setattr(AfterCommit, "settle", late_settle)


def repeats(patch: pytest.MonkeyPatch) -> list[str]:
    """Grows when a cursor, of any replica, is committed at a place it has left before.

    Projectors tolerate repeated events; there must be none nevertheless.
    """
    moved, found, reached = Cursor.moved, list[str](), dict[str, int]()

    def watched(cursor: Cursor, place: Place, now: Moment) -> None:
        moved(cursor, place, now)
        name, to = f"{cursor.subscription} at {cursor.source}", place.position
        if to <= reached.get(name, 0):
            found.append(f"{name} from {reached[name]} to {to}")
        reached[name] = max(to, reached.get(name, 0))

    patch.setattr(Cursor, "moved", watched)
    return found


def played_by_one(databases: Databases, deeds: Sequence[Deed]) -> None:
    with closing(World(databases, SEED, CrashPoints())) as world:
        play(world, deeds)


@pytest.mark.proof_on("postgresql")
@pytest.mark.slow
@pytest.mark.usefixtures("no_migrations")
@pytest.mark.parametrize("name", UNHURRIED)
def test_replicas_that_believe_they_lead_do_nothing_twice(
    name: str, fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    deeds, databases = scenarios(monkeypatch)[name], fresh()
    played_by_one(databases, deeds)
    undisturbed = history(databases)

    suspensions = 0
    for seed in SEEDS:
        databases = fresh()
        with ExitStack() as stack, monkeypatch.context() as patch:
            clock, repeated = ManualClock(), repeats(patch)
            worlds = [
                World(databases, seed, CrashPoints(), clock=clock, name=replica)
                for replica in ("one", "other")
            ]
            for world in worlds:
                stack.enter_context(closing(world))
            replicas = Replicas(worlds, clock, random.Random(seed), worlds[0])
            suspend_before_writing(patch, replicas.may_suspend)
            replicas.play(deeds)

        assert repeated == [], f"seed {seed}"
        assert violations(databases) == [], f"seed {seed}"
        assert [world.forgotten() for world in worlds] == [[], []], f"seed {seed}"
        assert history(databases) == undisturbed, f"seed {seed}"
        suspensions += replicas.suspensions
    assert suspensions > len(SEEDS)
