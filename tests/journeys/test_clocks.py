"""Real processes whose clocks are set back, or do not agree.

Nothing depends on another clock: neither that of the process before a restart, nor that
of another machine.
"""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cluster import ONE, SPLIT, Cluster, wait_until
from tests.cluster_client import ask, at_rest, register

pytestmark = [pytest.mark.server, pytest.mark.proof]

HOUR = timedelta(hours=1)
# A lease is watched for 3 s, with a look each second, before it is taken.
SOON_S = 8.0


@pytest.fixture(scope="module")
def preloaded() -> dict[str, str]:
    """The environment in which libfaketime sets a clock."""
    if sys.platform != "linux":
        pytest.skip("libfaketime comes with the test dependencies on Linux only")
    spec = find_spec("libfaketime")
    assert spec, "libfaketime is in the test dependencies: make env"
    folder = Path(str(spec.origin)).parent
    library = folder / "vendor/libfaketime/src/libfaketime.so.1"
    environment = {
        "LD_PRELOAD": str(library),
        # Only the wall clock is set.
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_NO_CACHE": "1",
    }
    asked = [sys.executable, "-c", "import time; print(time.time())"]
    told = subprocess.run(
        asked, env=environment | {"FAKETIME": "-1h"}, capture_output=True, check=True
    )
    if time.time() - float(told.stdout) < HOUR.total_seconds() - 60:
        pytest.skip("its library is not for this kind of machine")
    return environment


def set_clock(cluster: Cluster, name: str, environment: dict[str, str]) -> None:
    """Takes effect at the next start."""
    process = cluster.processes[name]
    process.environment = {**process.environment, **environment}


def rests_soon(cluster: Cluster) -> None:
    """Everything that was registered is listed, in stock."""
    began = time.monotonic()
    at_rest(cluster)
    assert time.monotonic() - began < SOON_S


def recorded(cluster: Cluster) -> list[datetime]:
    """The times of registration, by the clock of the process."""
    (port,) = cluster.ports_of("catalog-commands")
    _, entries = ask(port, "GET", "/events/catalog")
    return [datetime.fromisoformat(each["time"]) for each in entries]


def readers_know_who_stands_by(cluster: Cluster) -> bool:
    """The leading relay announces the others once a second, also newly started ones."""
    relays = cluster.databases.rows("inventory", "SELECT relay FROM log_relays")
    known = cluster.databases.rows(
        "catalog_read",
        "SELECT log_keys FROM subscription_cursors WHERE source = 'inventory'",
    )
    return all(relay in known[0][0] for (relay,) in relays)


def is_ready(cluster: Cluster, service: str) -> bool:
    (port,) = cluster.ports_of(service)
    return ask(port, "GET", "/readyz")[0] == 200


def test_the_clock_is_set_back_while_nothing_runs(
    tmp_path: Path, preloaded: dict[str, str]
) -> None:
    with Cluster(tmp_path, ONE) as cluster:
        (name,) = cluster.processes
        register(cluster, "BEFORE")
        rests_soon(cluster)
        cluster.kill(name)

        set_clock(cluster, name, preloaded | {"FAKETIME": "-1h"})
        cluster.restart(name)
        register(cluster, "AFTER")
        rests_soon(cluster)

        before, after = recorded(cluster)
        assert before - after > HOUR - timedelta(minutes=1)
        wait_until(lambda: is_ready(cluster, "inventory"), "being ready")


def test_the_clock_jumps_while_everything_runs(
    tmp_path: Path, preloaded: dict[str, str]
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0")
    with Cluster(tmp_path, ONE) as cluster:
        (name,) = cluster.processes
        set_clock(cluster, name, preloaded | {"FAKETIME_TIMESTAMP_FILE": str(clock)})
        cluster.restart(name)
        for number, jump in enumerate(("-1h", "+1h", "-30d", "+0")):
            register(cluster, f"BEFORE-{number}")
            clock.write_text(jump)
            register(cluster, f"AFTER-{number}")
            rests_soon(cluster)

        times = recorded(cluster)
        assert datetime.now(UTC) - min(times) > timedelta(days=29)
        assert max(times) - datetime.now(UTC) > HOUR - timedelta(minutes=2)


def test_clocks_of_machines_need_not_agree(
    tmp_path: Path, preloaded: dict[str, str]
) -> None:
    """Also two replicas of the inventory, which take turns with the lease."""
    layout = (*SPLIT, SPLIT[2])
    settings = {"COPIES": "several"}
    with Cluster(tmp_path, layout, "nats", settings=settings) as cluster:
        hours = ("+5h", "-3h", "+0", "-7h")
        for name, by in zip(list(cluster.processes), hours, strict=True):
            set_clock(cluster, name, preloaded | {"FAKETIME": by})
            cluster.restart(name)
        register(cluster, "FIRST")
        rests_soon(cluster)
        *_, one, other = cluster.processes
        for turn, name in enumerate((one, other)):
            wait_until(lambda: readers_know_who_stands_by(cluster), "the announcement")
            cluster.kill(name)
            register(cluster, f"TURN-{turn}")
            rests_soon(cluster)
            cluster.restart(name)
        assert datetime.now(UTC) - min(recorded(cluster)) < -4 * HOUR
