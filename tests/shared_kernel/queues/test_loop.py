"""A consumer's thread: how often it steps, in simulated time and in real time."""

from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest

from shared_kernel.clock import system_clock
from shared_kernel.queues.consumer import Consumer, Loop, Processed
from shared_kernel.queues.lease import ConsumerLease
from shared_kernel.queues.port import Message
from shared_kernel.queues.sql import SqlQueue
from shared_kernel.storage.database import Database
from tests.cluster import wait_until
from tests.queues import AtOnce
from tests.shared_kernel.events.builders import ManualClock
from tests.shared_kernel.queues.builders import Heard, Later, sql_queue


class CountedLease(ConsumerLease):
    def __init__(self, database: Database) -> None:
        super().__init__(database, "one", system_clock)
        self.kept = 0

    def keep(self) -> int:
        self.kept += 1
        return 0


class OneMessage:
    """A queue of one message."""

    name = "work"

    def __init__(self, lease: ConsumerLease) -> None:
        self.lease = lease
        self._messages = [Message(name="greet", payload="a")]

    def exchange(
        self, processed: Sequence[Processed], most: int, floor: int
    ) -> list[Message]:
        given, self._messages = self._messages, []
        return given

    def wake(self) -> None:
        pass


class SimulatedBell:
    """Time passes while it is waited for; it rings when it was asked to."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._rings = False
        self.rings_after_s: float | None = None
        self.waited_s: list[float] = []

    def is_set(self) -> bool:
        return self._rings

    def set(self) -> None:
        self._rings = True

    def clear(self) -> None:
        self._rings = False

    def wait(self, timeout: float) -> bool:
        if not self._rings:
            rings_after_s, self.rings_after_s = self.rings_after_s, None
            self._rings = rings_after_s is not None
            timeout = timeout if rings_after_s is None else rings_after_s
            self._clock.advance(timeout)
            self.waited_s.append(timeout)
        return self._rings


@attrs.frozen
class Simulation:
    queue: SqlQueue
    loop: Loop
    bell: SimulatedBell
    heard: Heard

    def run(self, turns: int) -> list[float]:
        """How long it waited in each pause."""
        self.bell.waited_s.clear()
        for _ in range(turns):
            self.loop.turn()
        return self.bell.waited_s


@pytest.fixture
def simulation(database: Database) -> Simulation:
    clock, heard = ManualClock(), Heard()
    queue, bell = sql_queue(database, "one", clock), SimulatedBell(clock)
    consumer = queue.consumer(10, heard, AtOnce())
    return Simulation(queue, Loop(consumer, 0.5, bell), bell, heard)


def test_an_idle_queue_is_polled_ever_more_slowly(simulation: Simulation) -> None:
    assert simulation.run(6) == [0.5, 1, 2, 4, 4, 4]


def test_there_is_no_pause_while_there_is_work(simulation: Simulation) -> None:
    simulation.run(6)
    for n in range(35):
        simulation.queue.add("greet", str(n))

    assert simulation.run(5) == []
    assert len(simulation.heard.messages) == 35
    assert simulation.run(2) == [0.5, 1]


def test_what_wakes_it_is_processed_at_once(simulation: Simulation) -> None:
    simulation.run(5)
    simulation.queue.add("greet", "a")
    simulation.bell.rings_after_s = 0.01
    simulation.loop.turn()
    assert simulation.run(2) == [0.01]

    assert simulation.heard.payloads == ["a"]


def test_what_is_found_makes_it_quick_again(simulation: Simulation) -> None:
    """Nobody wakes it: a notification was lost."""
    simulation.run(6)
    simulation.queue.add("greet", "a")

    assert simulation.run(5) == [0.5, 1, 2]
    assert simulation.heard.payloads == ["a"]


@pytest.mark.slow
def test_what_is_held_keeps_its_lease_however_slowly_the_queue_is_polled(
    tmp_path: Path,
) -> None:
    lease, pool = CountedLease(Database(f"sqlite:///{tmp_path / 'new.db'}")), Later()
    consumer = Consumer(OneMessage(lease), 1, Heard(), pool, system_clock)
    loop = Loop(consumer, poll_interval_s=60)

    loop.start()
    wait_until(lambda: lease.kept >= 4, "the lease")
    pool.run()
    loop.stop()

    assert not loop.alive
