"""A storehouse that is stepped by hand, crashes, and restarts on its databases."""

import random
from collections.abc import Callable
from typing import Any

from app import Settings, assemble
from shared_kernel.buses.in_process import InProcessBus
from shared_kernel.buses.port import EventBus
from shared_kernel.events.subscription import Subscription
from shared_kernel.events.writer import Committed
from shared_kernel.runtime.running import RunningServices
from shared_kernel.runtime.service import WritingService
from shared_kernel.runtime.workers import Worker
from tests.databases import Databases
from tests.shared_kernel.events.builders import ManualClock
from tests.simulation.crashes import CrashableBus, CrashPoints
from tests.simulation.laws import read_log, unsettled

RETRIES = 5000
IDLE_TURNS = 30
"""After as many in a row, nearly always all workers wait for time to pass."""
ASKED_AFTER = {1, 2, 4, 8}
"""Idle turns in a row."""
TURN_S, IDLE_TURN_S = 0.03, 0.6


class World:
    """Randomness is `chance`, time is `clock`; nothing runs in the background."""

    def __init__(
        self,
        databases: Databases,
        seed: int,
        points: CrashPoints,
        bus: Callable[[], EventBus] = InProcessBus,
        *,
        clock: ManualClock | None = None,
        name: str = "life",
    ) -> None:
        self.databases = databases
        self.chance = random.Random(seed)
        self.clock = clock or ManualClock()
        self.points = points
        self.lives = 0
        self._idle_turns = 0
        self._bus = bus
        self._name = name
        self._acknowledged: dict[str, list[str]] = {"catalog": [], "inventory": []}
        self.storehouse = self._be_born()

    def restart(self) -> None:
        """Crash: nothing is released, saved or finished; the databases are left."""
        self._drop()
        # Sometimes before the leases of the crashed one have run out, sometimes after.
        self.clock.advance(self.chance.random() * 6)
        self.storehouse = self._be_born()

    def close(self) -> None:
        self._drop()

    def execute(
        self, context: WritingService, handler: Callable[..., Any], command: object
    ) -> Committed[Any]:
        """Remember an acknowledged command, together with the log at that time."""
        done = context.writer.execute(handler, command)
        ids = [event.id for event in read_log(self.databases, context.log.source)]
        assert len(ids) == done.position
        self._acknowledged[context.log.source] = ids
        return done

    def turn(self) -> None:
        """One step of a random worker, and a little time: more if all wait for time.

        For the end of a lease, for example, that a crashed life has left.
        """
        idle = self.chance.choice(self.workers).step() == 0
        self._idle_turns = self._idle_turns + 1 if idle else 0
        waiting = self._idle_turns > IDLE_TURNS
        self.clock.advance(self.chance.random() * (IDLE_TURN_S if waiting else TURN_S))

    @property
    def idle(self) -> bool:
        return self._idle_turns > 0

    @property
    def workers(self) -> list[Worker]:
        return self.storehouse.workers.registered

    def at_rest(self) -> bool:
        """Whether all events are applied, asked less and less often.

        A dozen queries cost more than a turn, and an idle turn changes hardly anything.
        After a turn that did something it is False: the next one tells.
        """
        idle = self._idle_turns
        return (idle in ASKED_AFTER or idle % 16 == 15) and self.all_applied()

    def all_applied(self) -> bool:
        """All events have positions and are published and applied."""
        return (
            all(
                service.relay.published() == service.log.head()
                for service in self.storehouse.writing
            )
            and all(
                up_to_date(subscription)
                for service in self.storehouse.services
                for subscription in service.subscriptions
            )
            and not any(
                unsettled(self.databases, service.log.source)
                for service in self.storehouse.writing
            )
        )

    def come_to_rest(self) -> None:
        for _ in range(RETRIES):
            if self.at_rest():
                return
            self.turn()
        raise AssertionError("does not come to rest")

    def forgotten(self) -> list[str]:
        """The logs that no longer begin with what was acknowledged."""
        return [
            name
            for name, ids in self._acknowledged.items()
            if [event.id for event in read_log(self.databases, name)][: len(ids)] != ids
        ]

    def _be_born(self) -> RunningServices:
        self.lives += 1
        return assemble(
            Settings.from_environment(
                self.databases.environment | {"SQLITE_SYNCHRONOUS": "NORMAL"}
            ),
            bus=CrashableBus(self._bus(), self.points),
            clock=self.clock,
            jitter=self.chance.random,
            holder=f"{self._name} {self.lives}",
        )

    def _drop(self) -> None:
        for service in self.storehouse.services:
            service.close()


def up_to_date(subscription: Subscription) -> bool:
    return subscription.cursor.saved() == subscription.feed.head()
