"""From any bus to any other by restarts alone, with events in transit."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise, permutations
from pathlib import Path

import pytest

from tests.cluster import BUSES, ONE, SPLIT, Cluster, Layout
from tests.databases import Databases, Files
from tests.faults.checker import SUMMARY, Tally, check, come_to_rest
from tests.faults.load import load

WITHIN_ONE = "inprocess"
LISTED = [bus for bus in BUSES if bus != "forged"]
SPLIT_EVERY = 4
"""Each second of so many visits is in several processes: each of them costs a start."""
BETWEEN_STEPS = 8
"""Commands that are acknowledged on each bus."""
WAY: list[tuple[Layout, str]] = [
    (ONE, "nats"),
    (SPLIT, "nats"),
    (SPLIT, "jetstream"),
    (SPLIT, "redis"),
    (SPLIT, "feed"),
    (ONE, "jetstream"),
    (ONE, "inprocess"),
]
"""Where the code does not differ, some steps are enough."""


def each_after_each(buses: Sequence[str]) -> list[str]:
    """The shortest way from the first one through each ordered pair, and back to it."""
    way = [
        bus
        for number, one in enumerate(buses)
        for other in buses[number + 1 :]
        for bus in (one, other)
    ]
    return [*way, buses[0]]


def whole_way() -> list[tuple[Layout, str]]:
    """Without the first one, where it begins."""
    visits: Counter[str] = Counter()
    steps = []
    for bus in each_after_each(LISTED)[1:]:
        visits[bus] += 1
        split = bus != WITHIN_ONE and visits[bus] % SPLIT_EVERY == 2
        steps.append((SPLIT if split else ONE, bus))
    return steps


def test_the_whole_way_has_each_pair_of_buses_once() -> None:
    buses = [LISTED[0], *(bus for _, bus in whole_way())]

    assert sorted(pairwise(buses)) == sorted(permutations(LISTED, 2))


@pytest.mark.proof
@pytest.mark.server
def test_an_installation_changes_its_bus_and_layout_under_load(
    databases: Databases, tmp_path: Path, record_property: Callable[[str, str], None]
) -> None:
    tally = Tally()
    way = whole_way() if isinstance(databases, Files) else WAY
    with Cluster(tmp_path, ONE, LISTED[0], databases=databases) as cluster:
        with load(cluster.ports_of, clients=2) as at_work:
            at_work.more(BETWEEN_STEPS)
            for layout, bus in way:
                tally.count(cluster)
                cluster.reconfigure(layout, bus)
                tally.faults[f"to {bus} in {len(layout)}"] += 1
                at_work.more(BETWEEN_STEPS)
            # And once by SIGKILL, like a power cut.
            for name in list(cluster.processes):
                cluster.kill(name)
            cluster.reconfigure(SPLIT, "nats")
            tally.faults["killed"] += 1
            at_work.more(BETWEEN_STEPS)
            changed = time.monotonic()
        come_to_rest(databases, tally, changed)
        tally.count(cluster)
    kind = type(databases).__name__.lower()
    record_property(SUMMARY, tally.summary(f"cut-over, {kind}", at_work, databases))
    check(databases, at_work, tally)
