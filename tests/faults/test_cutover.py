"""From one process to several and back, by restarts alone, with events in transit."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster import ONE, SPLIT, Cluster, Layout
from tests.databases import Databases
from tests.faults.checker import SUMMARY, Tally, check, come_to_rest
from tests.faults.load import load

WAY: list[tuple[Layout, str]] = [
    (ONE, "nats"),
    (SPLIT, "nats"),
    (SPLIT, "jetstream"),
    (SPLIT, "redis"),
    (SPLIT, "feed"),
    (ONE, "jetstream"),
    (ONE, "inprocess"),
]


@pytest.mark.proof
@pytest.mark.server
def test_an_installation_changes_its_layout_under_load(
    databases: Databases, tmp_path: Path, record_property: Callable[[str, str], None]
) -> None:
    tally = Tally()
    with Cluster(tmp_path, ONE, "inprocess", databases=databases) as cluster:
        with load(cluster.ports_of) as at_work:
            at_work.more(30)
            for layout, bus in WAY:
                tally.count(cluster)
                cluster.reconfigure(layout, bus)
                tally.faults[f"to {bus} in {len(layout)}"] += 1
                at_work.more(30)
            # And once by SIGKILL, like a power cut.
            for name in list(cluster.processes):
                cluster.kill(name)
            cluster.reconfigure(SPLIT, "nats")
            tally.faults["killed"] += 1
            at_work.more(30)
            changed = time.monotonic()
        come_to_rest(databases, tally, changed)
        tally.count(cluster)
    kind = type(databases).__name__.lower()
    record_property(SUMMARY, tally.summary(f"cut-over, {kind}", at_work, databases))
    check(databases, at_work, tally)
