"""Many messages, and processes that are killed among them."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from shared_kernel.queues.port import Message
from shared_kernel.storage.database import Database
from tests.cluster import ROOT, wait_until
from tests.queues import AtOnce
from tests.redis_server import RedisServer
from tests.shared_kernel.queues.builders import idle
from tests.shared_kernel.queues.redis_builders import READY, RedisBench
from tests.shared_kernel.queues.redis_worker import CREATE, EFFECTS
from tests.shared_kernel.queues.rmq import Writer, written

pytestmark = pytest.mark.server
MANY = 100_000


@pytest.mark.proof
@pytest.mark.parametrize("ours", [True, False], ids=["ours", "foreign"])
def test_a_hundred_thousand_messages_in_one_list(
    bench: RedisBench,
    ours: bool,
    record_property: Callable[[str, object], None],
) -> None:
    queue = bench.queue()
    for first in range(0, MANY, 10_000):
        texts = [str(n) for n in range(first, first + 10_000)]
        if ours:
            with bench.database.writing() as connection:
                messages = [Message(name="n", payload=text) for text in texts]
                added = queue.add_within(connection, messages)
            queue.wake(added)
        else:
            Writer(bench.server).push(*[written("n", text) for text in texts])
    assert bench.server.client.llen(READY) == MANY
    heard: Counter[str] = Counter()
    begun_s = time.monotonic()

    consumer = queue.consumer(
        1000, lambda message: heard.update([message.payload]), AtOnce()
    )
    idle(consumer)

    rate = int(MANY / (time.monotonic() - begun_s))
    record_property("summary", f"{'ours' if ours else 'foreign'}: {rate} messages/s")
    assert len(heard) == heard.total() == MANY
    assert bench.server.client.llen(READY) == 0
    assert queue.depth().waiting == queue.depth().in_flight == 0


class Workers:
    """Processes that consume; each has a name of its own."""

    def __init__(self, database: Database, server: RedisServer) -> None:
        self._urls = [database.url, server.url]
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, count: int) -> None:
        """Return when they consume."""
        module = "tests.shared_kernel.queues.redis_worker"
        command = [sys.executable, "-m", module, *self._urls, "host/1"]
        for _ in range(count):
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
            assert process.stdout is not None
            assert process.stdout.readline() == b"consuming\n"
            self._running.append(process)

    def kill_one(self) -> None:
        victim = self._running.pop(random.randrange(len(self._running)))
        victim.send_signal(signal.SIGKILL)
        victim.communicate()

    def stop(self) -> list[int]:
        for each in self._running:
            each.terminate()
        for each in self._running:
            each.communicate(timeout=20)
        return [each.returncode for each in self._running]


@pytest.mark.proof
def test_processes_and_redis_are_killed_while_they_work(
    database: Database, tmp_path: Path
) -> None:
    with database.writing() as connection:
        connection.execute(CREATE)
    with RedisServer(tmp_path / "own", appends=True) as server:
        bench, workers = RedisBench(database, server), Workers(database, server)
        queue, writer = bench.queue(), Writer(server)
        workers.start(3)
        ours: list[str] = []
        foreign: list[str] = []
        for round_ in range(6):
            ours += [queue.add("n", f"{round_} {n}").payload for n in range(30)]
            theirs = [f"foreign {round_} {n}" for n in range(10)]
            for text in theirs:
                writer.publish(text)
            foreign += theirs
            workers.kill_one()
            if round_ % 3 == 2:
                server.kill()
                server.start()
            workers.start(1)
        for key in server.client.keys("*::heartbeat"):
            # As after a minute. Those that are alive renew it within a second.
            server.client.delete(key)

        def effects() -> Counter[str]:
            with database.reading() as connection:
                return Counter(row[0] for row in EFFECTS.rows(connection, {}))

        wait_until(lambda: set(ours + foreign) == set(effects()), "the effects")
        assert workers.stop() == [0, 0, 0]

    done = effects()
    assert {text: done[text] for text in ours if done[text] != 1} == {}
