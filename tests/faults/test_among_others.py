"""On one NATS server with another Storehouse, with a forger, with a copy of itself.

Law 11: a bus can make nothing true that the log does not hold.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.cluster import ONE, ROOT, SPLIT, Cluster, Layout, wait_until
from tests.cluster_client import ask, at_rest, listed, register
from tests.forger import Forger
from tests.simulation.laws import read_log

pytestmark = pytest.mark.server

LAYOUTS = pytest.mark.parametrize("layout", [ONE, SPLIT], ids=["one", "split"])
MANY = 40
A_FEW_HEARTBEATS_S = 5.0


def metric(cluster: Cluster, service: str, name: str, **labels: str) -> float:
    (port,) = cluster.ports_of(service)
    _, text = ask(port, "GET", "/metrics")
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith(name) and all(each in line for each in wanted)
    )


def names(prefix: str, how_many: int = MANY) -> list[str]:
    return [f"{prefix}-{number:04}" for number in range(how_many)]


@contextmanager
def second(first: Cluster, folder: Path, layout: Layout, bus: str) -> Iterator[Cluster]:
    """On the same NATS server, with the databases that `folder` has, if any."""
    folder.mkdir(exist_ok=True)
    other = Cluster(folder, layout, bus)
    other.brokers = first.brokers
    try:
        other.start()
        yield other
        other.stop()
    finally:
        other.brokers = {}
        other.abandon()


@pytest.mark.proof_on("split")
@LAYOUTS
def test_two_shops_on_one_server(tmp_path: Path, layout: Layout) -> None:
    (tmp_path / "one").mkdir()
    with (
        Cluster(tmp_path / "one", layout, "nats") as ours,
        second(ours, tmp_path / "two", layout, "nats") as theirs,
    ):
        for a, b in zip(names("OURS"), names("THEIRS"), strict=True):
            register(ours, a)
            register(theirs, b)
        at_rest(ours)
        at_rest(theirs)

        assert listed(ours) == set(names("OURS"))
        assert listed(theirs) == set(names("THEIRS"))
        assert metric(
            ours, "catalog-queries", "storehouse_subscription_messages_dropped",
            reason="other-log",
        ) > 0  # fmt: skip
        # Neither accepts the other's messages; missing events would be read from the
        # log.
        for shop in (ours, theirs):
            gaps = metric(shop, "inventory", "storehouse_subscription_gaps_healed")
            assert gaps < MANY / 4


def test_a_stream_of_another_storehouse_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    with Cluster(tmp_path / "one", ONE, "jetstream") as ours:
        register(ours, "OURS-0001")
        with (
            pytest.raises(Exception, match="belongs to another Storehouse"),
            second(ours, tmp_path / "two", ONE, "jetstream"),
        ):
            pass
        at_rest(ours)


@pytest.mark.proof_on("one")
@pytest.mark.parametrize(
    ("layout", "bus"), [(ONE, "nats"), (SPLIT, "jetstream")], ids=["one", "split"]
)
def test_a_forger(tmp_path: Path, layout: Layout, bus: str) -> None:
    with Cluster(tmp_path, layout, bus) as cluster:
        with Forger(cluster.nats.address) as forger:
            register(cluster, *names("LAMP"))
            at_rest(cluster)
            assert forger.sent > MANY
        # A forgery after the last event is noticed with the next event.
        register(cluster, "LAMP-LAST")
        at_rest(cluster)

        assert listed(cluster) == {*names("LAMP"), "LAMP-LAST"}
        for service in ("catalog-queries", "inventory"):
            for reason in ("seal", "other-log", "form"):
                assert metric(
                    cluster, service, "storehouse_subscription_messages_dropped",
                    reason=reason,
                ) > 0  # fmt: skip


@pytest.mark.proof
@LAYOUTS
def test_a_copy_is_not_the_original(tmp_path: Path, layout: Layout) -> None:
    """Writes on both sides before the copy is noticed, and after the fix."""
    here, there = tmp_path / "original", tmp_path / "copy"
    here.mkdir()
    with Cluster(here, layout, "nats") as original:
        register(original, *names("BOTH", 3))
        at_rest(original)
        original.stop()
        there.mkdir()
        for file in here.glob("*.db*"):
            shutil.copy(file, there)
        original.start()
        with second(original, there, layout, "nats") as copy:
            begun = time.monotonic()
            register(copy, *names("COPY", 3))
            register(original, *names("ORIG", 3))

            for each in (original, copy):
                wait_until(partial(is_reported, each), "a report")
            assert time.monotonic() - begun < A_FEW_HEARTBEATS_S
            at_rest(original)
            at_rest(copy)
            assert listed(original) == {*names("BOTH", 3), *names("ORIG", 3)}
            assert listed(copy) == {*names("BOTH", 3), *names("COPY", 3)}
            assert [e.key for e in read_log(original.databases, "catalog")] == [
                *names("BOTH", 3),
                *names("ORIG", 3),
            ]

            for service in ("catalog-commands", "inventory", "catalog-queries"):
                if layout == SPLIT or service == "inventory":
                    give_new_identity(copy, service)
            register(copy, *names("NEWS", 3))
            register(original, *names("MORE", 3))
            at_rest(copy)
            at_rest(original)
            wait_until(lambda: not is_reported(original), "publishing again")


@pytest.mark.proof
def test_events_of_a_copy_are_dropped_while_the_original_is_down(
    tmp_path: Path,
) -> None:
    here, there = tmp_path / "original", tmp_path / "copy"
    here.mkdir()
    with Cluster(here, SPLIT, "nats") as original:
        register(original, *names("BOTH", 3))
        at_rest(original)
        for service in ("catalog-commands", "inventory"):
            original.terminate(service)
        there.mkdir()
        for file in here.glob("*.db*"):
            shutil.copy(file, there)
        with second(original, there, SPLIT, "nats") as copy:
            register(copy, *names("COPY", 3))
            wait_until(
                lambda: (
                    metric(
                        original,
                        "catalog-queries",
                        "storehouse_subscription_messages_dropped",
                        reason="relay",
                    )
                    > 0
                ),
                "being dropped",
            )
            at_rest(copy)
        assert listed(original) == {*names("BOTH", 3)}

        for service in ("catalog-commands", "inventory"):
            original.restart(service)
        register(original, *names("ORIG", 3))
        at_rest(original)
        assert listed(original) == {*names("BOTH", 3), *names("ORIG", 3)}


def is_reported(cluster: Cluster) -> bool:
    """By `/readyz`, and in its log."""
    (port,) = cluster.ports_of("catalog-commands")
    _, said = ask(port, "GET", "/readyz")
    return "new-identity" in json.dumps(said) and "new-identity" in "".join(
        process.log.read_text() for process in cluster.processes.values()
    )


def give_new_identity(cluster: Cluster, service: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", "events", "new-identity"],
        cwd=ROOT,
        env={**os.environ, **cluster.environment_of(service)},
        check=True,
        timeout=60,
    )
