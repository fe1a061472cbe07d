"""A consumer's thread: how often it steps."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from shared_kernel.clock import system_clock
from shared_kernel.queues.consumer import Consumer, Loop, Processed
from shared_kernel.queues.lease import ConsumerLease
from shared_kernel.queues.port import Message
from shared_kernel.storage.database import Database
from tests.cluster import wait_until
from tests.shared_kernel.queues.builders import Heard, Later


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
