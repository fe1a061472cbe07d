"""Processes that are killed among many messages: each has one effect."""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared_kernel.clock import system_clock
from shared_kernel.storage.database import Database
from tests.cluster import ROOT, wait_until
from tests.shared_kernel.queues.broker_benches import BrokerBench, is_there
from tests.shared_kernel.queues.broker_worker import ACK_WAIT_S
from tests.shared_kernel.queues.jetstream_builders import JetStreamPlace
from tests.shared_kernel.queues.redis_worker import CREATE, EFFECTS

pytestmark = [pytest.mark.server, pytest.mark.proof]
ROUNDS, OURS, THEIRS = 4, 20, 10


@contextmanager
def workers(database: Database, port: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Three that consume; those that are in the list at the end are stopped."""
    running = [a_worker(database, port) for _ in range(3)]
    try:
        yield running
    finally:
        for each in running:
            each.terminate()
        for each in running:
            each.communicate(timeout=20)


def a_worker(database: Database, port: int) -> subprocess.Popen[bytes]:
    module = "tests.shared_kernel.queues.broker_worker"
    command = [sys.executable, "-m", module, database.url, str(port), "host/1"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"consuming\n"
    return process


def effects(database: Database) -> Counter[str]:
    with database.reading() as connection:
        return Counter(row[0] for row in EFFECTS.rows(connection, {}))


def test_processes_are_killed_while_they_work(
    own_jetstream: JetStreamPlace, database: Database
) -> None:
    place = own_jetstream
    with database.writing() as connection:
        connection.execute(CREATE)
    queue = BrokerBench(database, place).queue(
        "here", system_clock, ack_wait_s=ACK_WAIT_S
    )
    is_there(queue)
    sent: list[str] = []
    port = place.server.port
    with workers(database, port) as running:
        for round_ in range(ROUNDS):
            sent += [queue.add("n", f"{round_} {n}").payload for n in range(OURS)]
            for n in range(THEIRS):
                place.send(f'{{"foreign": "{round_} {n}"}}'.encode())
                sent.append(f'{{"foreign": "{round_} {n}"}}')
            victim = running.pop(0)
            victim.kill()
            victim.communicate()
            running.append(a_worker(database, port))
        wait_until(lambda: set(effects(database)) == set(sent), "the effects")
        # What the killed ones had not acknowledged has come again by then.
        threading.Event().wait(2 * ACK_WAIT_S)

    assert {text: n for text, n in effects(database).items() if n != 1} == {}
