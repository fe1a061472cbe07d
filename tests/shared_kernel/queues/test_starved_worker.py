"""Heartbeats starve with the process: then another worker has the message.

pgqueuer#430, dramatiq#692: there the work was done twice.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from shared_kernel.clock import system_clock
from shared_kernel.queues import lease
from shared_kernel.queues.port import Message
from shared_kernel.storage.database import Database
from tests.cluster import wait_until
from tests.shared_kernel.queues.builders import a_database, sql_queue
from tests.shared_kernel.queues.redis_worker import CREATE, EFFECT, EFFECTS

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.proof_on("postgresql"),
]

ROOT = Path(__file__).parents[3]
LEASE_S, HELD_S = 2.0, 6.0
TIMEOUT_S = 60


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        url: str = request.getfixturevalue("schemas").url("new")
        return url
    return f"sqlite:///{tmp_path / 'new.db'}"


def effects(database: Database) -> list[str]:
    with database.reading() as connection:
        return [payload for (payload,) in EFFECTS.rows(connection, {})]


def test_it_changes_nothing_and_counts_what_it_has_lost(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LEASE_US", int(LEASE_S * 1_000_000))
    with a_database(url) as database:
        with database.writing() as connection:
            connection.execute(CREATE)
        queue = sql_queue(database, "other", system_clock)
        queue.add("greet", "a")
        command = [sys.executable, "-m", "tests.shared_kernel.queues.starved_worker"]
        with subprocess.Popen(
            [*command, url, str(HELD_S)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as starved:
            assert starved.stdout is not None
            assert starved.stdout.readline() == "working\n"

            def work(message: Message) -> None:
                with database.writing() as connection:
                    EFFECT.write(connection, {"payload": "other"})
                    queue.acknowledge(connection, message)

            queue.start_consuming(1, 0.05, work)
            wait_until(lambda: effects(database) == ["other"], "the other worker")
            assert starved.poll() is None
            said, _ = starved.communicate(timeout=TIMEOUT_S)
        queue.stop()

        done, lost = said.splitlines()[-1].split()
        assert (done, lost) == ("0", "1")
        assert effects(database) == ["other"]
        assert (queue.counts.done, queue.counts.lost_leases) == (1, 0)
