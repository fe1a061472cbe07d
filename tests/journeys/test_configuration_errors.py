"""Configuration errors: each gives one clear line that says how to fix it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from shared_kernel.runtime.setting import SCHEMES
from tests.cluster import ONE, ROOT, SPLIT, Cluster, wait_until
from tests.fork_server import fork_server
from tests.nats_server import NatsServer
from tests.peer_server import PeerServer
from tests.ports import free_port

pytestmark = pytest.mark.server
CANNOT_START = 2
ALL = "catalog-commands,catalog-queries,inventory"


def environment_with(settings: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, "PORT": str(free_port()), **settings}


def refused(folder: Path, settings: Mapping[str, str]) -> str:
    """The one line with which a server that cannot start ends."""
    output = folder / "refused.log"
    with output.open("wb") as log:
        process = fork_server().start(
            ["app"], folder, environment_with(settings), log.fileno()
        )
    return the_one_line(process.wait(30), output.read_text())


def refused_from_scratch(folder: Path, settings: Mapping[str, str]) -> str:
    """The same of the program, as people start it: a second of CPU time more."""
    ended = subprocess.run(
        [sys.executable, str(ROOT / "app.py")],
        cwd=folder,
        env=environment_with(settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert ended.stdout == ""
    return the_one_line(ended.returncode, ended.stderr)


def the_one_line(exit_code: int, output: str) -> str:
    lines = output.splitlines()
    assert (exit_code, len(lines)) == (CANNOT_START, 1), output
    assert lines[0].startswith("Storehouse cannot start: ")
    return lines[0].removeprefix("Storehouse cannot start: ")


LINES = {
    "an unknown scheme": f"""
        BUS_URL is 'amqp://…@host'; expected inprocess:, feed:, or one of
        {", ".join(f"{scheme}://…" for scheme in SCHEMES[2:])}""",
    "a port that is none": """
        BUS_URL names the server 'host:…'; expected nats://host:port,host:port,
        credentials before them as in nats://user:password@host""",
    "a part without a bus": f"""
        SERVICES is 'inventory'; expected all of {ALL}, since BUS_URL inprocess: joins
        one process only: set BUS_URL to feed: or nats://host for a split""",
    "no catalog anywhere": """
        CATALOG_URL is not set; expected the address of the process that runs
        catalog-commands, such as http://127.0.0.1:8001, or that service among
        SERVICES""",
    "no inventory anywhere": """
        INVENTORY_URL is not set; expected the address of the process that runs
        inventory, such as http://127.0.0.1:8001, or that service among SERVICES""",
    "an unknown service": f"SERVICES is 'sales'; expected some of {ALL},worker",
}
SETTINGS: dict[str, dict[str, str]] = {
    "an unknown scheme": {"BUS_URL": "amqp://me:secret@host"},
    "a port that is none": {"BUS_URL": "nats://host:port"},
    "a part without a bus": {"SERVICES": "inventory"},
    "no catalog anywhere": {"SERVICES": "inventory", "BUS_URL": "feed:"},
    "no inventory anywhere": {
        "SERVICES": "catalog-commands,catalog-queries",
        "BUS_URL": "feed:",
    },
    "an unknown service": {"SERVICES": "sales", "BUS_URL": "feed:"},
}


@pytest.mark.parametrize("error", SETTINGS)
def test_an_invalid_setting_is_refused(tmp_path: Path, error: str) -> None:
    line = " ".join(LINES[error].split())

    assert refused(tmp_path, SETTINGS[error]) == line


def test_a_nats_without_jetstream(tmp_path: Path) -> None:
    with NatsServer(tmp_path / "nats") as server:
        line = refused(tmp_path, {"BUS_URL": f"jetstream://{server.address}"})

    assert line == (
        f"NATS at {server.address} has no JetStream: start nats-server with -js, or "
        "set BUS_URL to nats://…"
    )


def test_a_stream_with_other_settings(tmp_path: Path) -> None:
    with Cluster(tmp_path, ONE, "jetstream") as cluster:
        other = tmp_path / "other"
        other.mkdir()
        line = refused(
            other,
            {
                "BUS_URL": f"jetstream://{cluster.nats.address}",
                "JETSTREAM_DUPLICATE_WINDOW_S": "30",
            },
        )

    assert "JETSTREAM_DUPLICATE_WINDOW_S is 120.0, declared 30.0" in line


def test_wrong_credentials(tmp_path: Path) -> None:
    rules = "authorization { user: me, password: right }"
    with NatsServer(tmp_path / "nats", configuration=rules) as server:
        line = refused(tmp_path, {"BUS_URL": f"nats://me:secret@{server.address}"})

    assert "refuses the credentials" in line
    assert "secret" not in line


def test_an_unreachable_nats_is_logged_once_and_everything_works(
    tmp_path: Path,
) -> None:
    away = {"BUS_URL": f"nats://127.0.0.1:{free_port()}"}
    with Cluster(tmp_path, ONE, "inprocess", settings=away) as cluster:
        (port,) = cluster.ports_of("catalog-commands")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            lamp = {"name": "Lamp", "sku": "LAMP-0001", "stock_count": 5}
            assert client.post("/products", json=lamp).status_code == 201
            wait_until(
                lambda: "in_stock" in client.get("/products").text,
                "listing without NATS",
            )
        said = cluster.processes["storehouse"].log.read_text()

    assert said.count("broker is away") == 1
    assert said.count("relay waits") == 2
    assert "Traceback" not in said


def test_two_processes_on_the_same_files(tmp_path: Path) -> None:
    with Cluster(tmp_path, ONE, "inprocess") as cluster:
        environment = cluster.environment_of("inventory")
        again = {**environment, "PORT": str(free_port())}
        line = refused_from_scratch(tmp_path, again)

    assert line.endswith(
        "stop that one, or give this one databases of its own, or set COPIES=several "
        "for both"
    )
    assert line.startswith(f"sqlite:///{tmp_path}/catalog.db is served by another")


def test_several_processes_may_share_files_if_so_configured(tmp_path: Path) -> None:
    with Cluster(tmp_path, (*SPLIT, ("inventory",)), "feed") as cluster:
        assert len(cluster.ports_of("inventory")) == 2


@pytest.mark.parametrize(
    ("body", "kind", "found"),
    [
        (b"<html>", "text/html", "answers GET /healthz with 200 text/html"),
        (
            b'{"status":"alive","services":["inventory"]}',
            "application/json",
            "runs inventory",
        ),
    ],
)
def test_an_address_that_leads_to_something_else(
    tmp_path: Path, body: bytes, kind: str, found: str
) -> None:
    server = PeerServer()
    server.answer(body, kind=kind)
    with server.running():
        settings = {"SERVICES": "inventory", "BUS_URL": "feed:"}
        line = refused(tmp_path, {**settings, "CATALOG_URL": server.url})

    assert line == (
        f"CATALOG_URL is {server.url}, which {found}: expected a Storehouse process "
        "that runs catalog-commands"
    )


def test_requests_to_a_part_that_is_down_fail_and_the_rest_works(
    tmp_path: Path,
) -> None:
    with Cluster(tmp_path, SPLIT, "feed") as cluster:
        (commands,), (queries,) = map(
            cluster.ports_of, ("catalog-commands", "catalog-queries")
        )
        lamp = {"name": "Lamp", "sku": "LAMP-0001", "stock_count": 5}
        with (
            httpx.Client(base_url=f"http://127.0.0.1:{commands}") as writing,
            httpx.Client(base_url=f"http://127.0.0.1:{queries}") as reading,
        ):
            token = writing.post("/products", json=lamp).headers["Consistency-Token"]
            shown = reading.get("/products", headers={"Consistency-Token": token})
            assert shown.json()[0]["availability"] == "in_stock"
            exact = reading.get("/products/LAMP-0001?stock=exact")
            assert exact.json()["stock"] == 5

            cluster.kill("inventory")
            away = reading.get("/products/LAMP-0001?stock=exact")
            assert away.status_code == 503
            assert away.json()["type"] == "/problems/peer-unavailable"
            assert away.json()["peer"] == "inventory"
            assert "inventory does not answer" in away.json()["detail"]
            assert away.headers["Retry-After"]

            lamp = {"name": "Chair", "sku": "CHAIR-0001", "stock_count": 4}
            token = writing.post("/products", json=lamp).headers["Consistency-Token"]
            asked = {"Consistency-Token": token}
            assert reading.get("/products", headers=asked).status_code == 503
            content = {**asked, "Prefer": "handling=lenient"}
            assert reading.get("/products", headers=content).status_code == 200
            assert reading.get("/readyz").status_code == 200
            wait_until(lambda: len(reading.get("/products").json()) == 2, "listing")

            cluster.restart("inventory")
            wait_until(
                lambda: reading.get("/products", headers=asked).status_code == 200,
                "going on",
            )
