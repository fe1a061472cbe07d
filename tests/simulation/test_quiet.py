"""Laws 8 and 9, of the whole system: no bus in a transaction, no thread in a step."""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from shared_kernel.buses.in_process import InProcessBus
from shared_kernel.events.envelope import Envelope
from tests.simulation.crashes import CrashPoints
from tests.simulation.scenarios import scenarios
from tests.simulation.test_crash_points import NAMES, SEED, play
from tests.simulation.world import World, copy_of


class WatchfulBus(InProcessBus):
    """Looks at every database whenever something is handed to it."""

    world: World | None = None
    open_transactions = 0
    published = 0

    def publish(self, batch: Sequence[Envelope]) -> None:
        assert self.world is not None
        self.published += 1
        self.open_transactions += sum(
            database.store._turn.locked()  # type: ignore[attr-defined]
            for service in self.world.storehouse.services
            for database in service.databases
        )
        super().publish(batch)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_published_in_a_transaction_and_no_step_starts_a_thread(
    name: str, template: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus, threads = WatchfulBus(), threading.active_count()
    world = World(
        copy_of(template, folder / "files"), SEED, CrashPoints(), bus=lambda: bus
    )
    bus.world = world

    play(world, scenarios(monkeypatch)[name])
    world.close()

    assert bus.published > 0
    assert bus.open_transactions == 0
    assert threading.active_count() == threads
