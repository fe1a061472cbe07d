"""The real server under load, killed ten times by SIGKILL."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster import ONE, Cluster
from tests.databases import Databases
from tests.faults.checker import SUMMARY, Tally, check, come_to_rest
from tests.faults.load import load

CLIENTS = 6
KILLS = 10
SEED = 4711


@pytest.mark.proof
@pytest.mark.server
def test_ten_kills_lose_and_repeat_nothing(
    databases: Databases,
    tmp_path: Path,
    record_property: Callable[[str, str], None],
) -> None:
    chance, tally = random.Random(SEED), Tally()
    with Cluster(tmp_path, ONE, "inprocess", databases=databases) as cluster:
        (name,) = cluster.processes
        with load(cluster.ports_of, CLIENTS, pause_s=0) as at_work:
            for _ in range(KILLS):
                at_work.more(chance.randint(1, 150))
                tally.count(cluster)
                tally.faults["killed"] += 1
                cluster.kill(name)
                cluster.restart(name)
            at_work.more(50)
            recovered = time.monotonic()
        come_to_rest(databases, tally, recovered)
        tally.count(cluster)
    record_property(
        SUMMARY,
        tally.summary(
            f"one process, {type(databases).__name__.lower()}", at_work, databases
        ),
    )
    check(databases, at_work, tally)
    # The kills interrupted work.
    assert at_work.repeated >= KILLS
