"""A healthy bus brings everything: nothing is read from the log instead."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster import BUSES, ONE, SPLIT, Cluster
from tests.databases import FileTemplates
from tests.faults.checker import SUMMARY, Tally, come_to_rest
from tests.faults.load import load

HEALTHY = [bus for bus in BUSES if bus != "forged"]


@pytest.mark.proof
@pytest.mark.server
@pytest.mark.parametrize("bus", HEALTHY)
def test_nothing_is_read_from_the_log_while_the_bus_is_healthy(
    bus: str,
    file_templates: FileTemplates,
    tmp_path: Path,
    record_property: Callable[[str, str], None],
) -> None:
    databases = file_templates.new(tmp_path / "databases")
    layout = ONE if bus == "inprocess" else SPLIT
    before, after = Tally(), Tally()
    with Cluster(tmp_path, layout, bus, databases=databases) as cluster:
        with load(cluster.ports_of) as at_work:
            # What was published before all had joined is read from the log.
            at_work.more(10)
            before.count(cluster)
            at_work.more(100)
        come_to_rest(databases, after, time.monotonic())
        after.count(cluster)
    read = after.counted["gaps_healed"] - before.counted["gaps_healed"]
    record_property(SUMMARY, f"healthy {bus}: {at_work.acknowledged} commands, {read}")
    assert read == 0
