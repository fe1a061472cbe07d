"""Laws 8 and 9 in the whole system: no bus in a transaction, no thread in a step."""

import threading
from collections.abc import Sequence
from contextlib import closing

import pytest

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.in_process import InProcessBus
from tests.simulation.crashes import CrashPoints, writers_of
from tests.simulation.grounds import Fresh
from tests.simulation.scenarios import scenarios
from tests.simulation.test_crash_points import NAMES, SEED, play
from tests.simulation.world import World


class WatchfulBus(InProcessBus):
    """Checks, at each publish, which databases are `writing`."""

    def __init__(self, writing: Sequence[str]) -> None:
        super().__init__()
        self.published = 0
        self.published_in: list[str] = []
        self._writing = writing

    def publish(self, batch: Sequence[Envelope]) -> None:
        self.published += 1
        self.published_in += self._writing
        super().publish(batch)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_published_in_a_transaction_and_no_step_starts_a_thread(
    name: str, fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = threading.active_count()
    bus = WatchfulBus(writers_of(monkeypatch))

    with closing(World(fresh(), SEED, CrashPoints(), bus=lambda: bus)) as world:
        play(world, scenarios(monkeypatch)[name])

    assert bus.published > 0
    assert bus.published_in == []
    assert threading.active_count() == threads
