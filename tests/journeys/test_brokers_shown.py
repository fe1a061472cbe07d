"""A process and the command line say which broker they use, and how it is."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import BROKERED
from tests.cluster import ONE, ROOT, Cluster, wait_until
from tests.cluster_client import ask

pytestmark = [pytest.mark.server, pytest.mark.proof]
BUSES = [bus for bus in BROKERED if bus != "forged"]


def shown(cluster: Cluster) -> tuple[dict[str, Any], list[str]]:
    """By `/readyz`, which stays 200 without the broker: its state, and the warnings."""
    (port,) = cluster.ports_of("inventory")
    status, answer = ask(port, "GET", "/readyz")
    assert status == 200, answer
    # It may change between two services.
    return answer["services"][-1]["bus"], answer["warnings"]


def by_command(cluster: Cluster) -> dict[str, Any]:
    """By a process of its own, which has never talked to the broker."""
    finished = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", "status", "--json"],
        cwd=cluster.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)}
        | cluster.environment_of("inventory"),
        capture_output=True,
        text=True,
        check=True,
    )
    bus: dict[str, Any] = json.loads(finished.stdout)["services"][0]["bus"]
    return bus


@pytest.mark.parametrize("bus", BUSES)
def test_the_broker_is_named_and_its_loss_and_return_are_told(
    bus: str, tmp_path: Path
) -> None:
    def is_reachable(wanted: bool) -> bool:
        return shown(cluster)[0]["reachable"] is wanted

    with Cluster(tmp_path, ONE, bus) as cluster:
        wait_until(lambda: is_reachable(True), "reaching it")
        before, no_warnings = shown(cluster)
        cluster.broker.kill()
        wait_until(lambda: is_reachable(False), "telling that it is away")
        away, warnings = shown(cluster)
        told_away = by_command(cluster)
        cluster.broker.start()
        wait_until(lambda: is_reachable(True), "telling that it is back")
        back, _ = shown(cluster)
        told_back = by_command(cluster)

    assert before["kind"] == before["address"].partition(":")[0]
    assert before["since"] < away["since"] < back["since"]
    for state in (away, back, told_away, told_back):
        assert (state["kind"], state["address"]) == (before["kind"], before["address"])
    assert (told_away["reachable"], told_back["reachable"]) == (False, True)
    assert no_warnings == []
    (warning,) = warnings
    assert re.match(r"bus: .+ cannot be reached since 2", warning)
