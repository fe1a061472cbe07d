"""Storehouse as processes: they start, answer, are killed and change on request."""

import http.client
import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import (
    ONE,
    ROOT,
    SPLIT,
    CannotStartError,
    Cluster,
    wait_until,
)
from tests.routes import service_for
from tests.simulation.laws import violations

COPIES = (*SPLIT, SPLIT[2])
# After a kill, the leases of the killed process have to run out.
PATIENT = {"CONSISTENCY_TIMEOUT_MS": "20000"}


@pytest.mark.parametrize(
    ("method", "path", "service"),
    [
        ("POST", "/product", "catalog-commands"),
        ("PUT", "/products/LAMP/name", "catalog-commands"),
        ("GET", "/events/catalog?after=1", "catalog-commands"),
        ("GET", "/", "catalog-queries"),
        ("GET", "/products/LAMP", "catalog-queries"),
        ("GET", "/stock?id=LAMP", "inventory"),
        ("DELETE", "/stock/LAMP/reservations/A", "inventory"),
        ("GET", "/events/inventory", "inventory"),
    ],
)
def test_each_request_has_its_service(method: str, path: str, service: str) -> None:
    assert service_for(method, path) == service


@pytest.mark.server
def test_one_process_survives_a_kill(tmp_path: Path) -> None:
    with Cluster(tmp_path, settings=PATIENT) as cluster:
        register(cluster, "LAMP-0001")
        cluster.kill("storehouse")
        assert not cluster.processes["storehouse"].answers()
        cluster.restart("storehouse")
        register(cluster, "LAMP-0002")

        assert quantities(cluster) == [3, 3]
        wait_until(lambda: violations(cluster.databases) == [], "coming to rest")


@pytest.mark.server
def test_a_storehouse_is_split_into_processes_and_joined_again(tmp_path: Path) -> None:
    with Cluster(tmp_path, settings=PATIENT) as cluster:
        register(cluster, "LAMP-0001")
        cluster.reconfigure(SPLIT, "feed")
        assert sorted(cluster.processes) == [
            "catalog-commands",
            "catalog-queries",
            "inventory",
        ]
        register(cluster, "LAMP-0002")
        cluster.reconfigure(COPIES, "nats")
        assert len(cluster.ports_of("inventory")) == 2
        register(cluster, "LAMP-0003")
        cluster.reconfigure(ONE, "jetstream")
        register(cluster, "LAMP-0004")

        assert quantities(cluster) == [3, 3, 3, 3]
        wait_until(lambda: violations(cluster.databases) == [], "coming to rest")


@pytest.mark.server
def test_a_partition_separates_one_process_from_the_others(
    tmp_path: Path,
) -> None:
    with Cluster(tmp_path, SPLIT, "nats", proxied=True) as cluster:
        assert {name for name, _ in cluster.proxies} == set(cluster.processes)
        for way in ("bus", "CATALOG_URL"):
            cluster.proxies["inventory", way].cut()
        token = register(cluster, "LAMP-0001")
        status, _, _ = ask(cluster, "GET", "/stock/LAMP-0001", token=token)
        assert status == 503

        for way in ("bus", "CATALOG_URL"):
            cluster.proxies["inventory", way].pass_through()
        wait_until(
            lambda: ask(cluster, "GET", "/stock/LAMP-0001", token=token)[0] == 200,
            "the end of the partition",
        )


@pytest.mark.server
def test_a_cluster_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(CannotStartError, match="BUS_URL inprocess") as refused:
        Cluster(tmp_path, SPLIT, "inprocess").__enter__()

    assert refused.value.exit_code == 2


@pytest.mark.server
def test_a_failure_shows_the_output_of_the_processes(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)

    def fail() -> None:
        with cluster:
            process = cluster.processes["storehouse"]
            wait_until(lambda: "serves on" in process.tail(), "the greeting")
            raise LookupError("of the test")

    with pytest.raises(LookupError, match="of the test") as failure:
        fail()

    assert "serves on" in "".join(failure.value.__notes__)
    assert not cluster.processes["storehouse"].runs


@pytest.mark.server
def test_no_process_outlives_the_one_that_started_it(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, threading\n"
        "from tests.cluster import Cluster\n"
        "cluster = Cluster(pathlib.Path(sys.argv[1]), bus='nats')\n"
        "cluster.start()\n"
        "print(cluster.ports_of('inventory')[0], cluster.nats.port, flush=True)\n"
        "threading.Event().wait()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as starter:
        assert starter.stdout is not None
        ports = [int(port) for port in starter.stdout.readline().split()]
        assert [listens(port) for port in ports] == [True, True]
        os.kill(starter.pid, signal.SIGKILL)

    wait_until(lambda: not any(map(listens, ports)), "the end of the processes")


def listens(port: int) -> bool:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as asking:
        try:
            asking.connect()
        except OSError:
            return False
        return True


def register(cluster: Cluster, sku: str) -> str:
    """The token of the registration."""
    body = {"name": "Desk lamp", "sku": sku, "stock_count": 3}
    status, token, said = ask(cluster, "POST", "/products", body)
    assert status == 201, said
    return token


def quantities(cluster: Cluster) -> list[int]:
    """The listed products, once all registrations are visible."""
    _, token, _ = ask(cluster, "GET", "/events/catalog?limit=0")
    _, _, listed = ask(cluster, "GET", "/products", token=token)
    return [
        ask(cluster, "GET", f"/stock?id={each['code']}")[2]["quantity"]
        for each in listed
    ]


def ask(
    cluster: Cluster,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    token: str | None = None,
) -> tuple[int, str, Any]:
    """Status, Consistency-Token and body of the answer."""
    (port, *_) = cluster.ports_of(service_for(method, path))
    headers = {"Content-Type": "application/json"} if body else {}
    if token is not None:
        headers["Consistency-Token"] = token
    content = json.dumps(body) if body else None
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as asking:
        asking.request(method, path, content, headers)
        answer = asking.getresponse()
        said = json.loads(answer.read())
        return answer.status, answer.headers["Consistency-Token"] or "", said
