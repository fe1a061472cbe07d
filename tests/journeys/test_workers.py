"""Several workers of one process, on PostgreSQL."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.cluster import ONE, Cluster, wait_until
from tests.databases import Schemas
from tests.faults.checker import SUMMARY, Tally, check, come_to_rest
from tests.faults.load import load

pytestmark = pytest.mark.server

WORKERS = 3


def workers_of(cluster: Cluster) -> set[int]:
    """The ids of the processes."""
    (process,) = cluster.processes.values()
    assert process._running is not None
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process._running.pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return {int(each) for each in children.stdout.split()}


def is_replaced(cluster: Cluster, victim: int) -> bool:
    workers = workers_of(cluster)
    return victim not in workers and len(workers) == WORKERS


def test_workers_share_the_port_and_survive_each_other(
    schemas: Schemas, tmp_path: Path, record_property: Callable[[str, str], None]
) -> None:
    """Two are killed under load; they are replaced, and the others go on."""
    tally, settings = Tally(), {"WORKERS": str(WORKERS)}
    with Cluster(
        tmp_path, ONE, "inprocess", databases=schemas, settings=settings
    ) as cluster:
        # Wait for all: a worker that is not built yet would not be replaced.
        log = cluster.processes["storehouse"].log
        wait_until(lambda: "serves on" in log.read_text(), "all workers")
        first = workers_of(cluster)
        assert len(first) == WORKERS
        with load(cluster.ports_of, pause_s=0) as at_work:
            for victim in sorted(first)[:2]:
                at_work.more(50)
                tally.faults["worker killed"] += 1
                os.kill(victim, signal.SIGKILL)
                wait_until(partial(is_replaced, cluster, victim), "a new worker")
            at_work.more(50)
            recovered = time.monotonic()
        come_to_rest(schemas, tally, recovered)
    record_property(SUMMARY, tally.summary(f"{WORKERS} workers", at_work, schemas))
    check(schemas, at_work, tally)
