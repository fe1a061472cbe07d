"""Three processes as a user runs them: one command, one trace, a graceful stop."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import nats
import pytest

from tests.aws_server import REGION
from tests.aws_server import environment as aws_environment
from tests.cluster import (
    PATIENCE_S,
    ROOT,
    SPLIT,
    Cluster,
    Layout,
    wait_until,
)
from tests.databases import Files
from tests.faults.load import load
from tests.ports import free_port

pytestmark = pytest.mark.server
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
LAMP = {"name": "Lamp", "sku": "LAMP-0001", "stock_count": 5}
STOPPED_BY_CTRL_C = 130


@contextmanager
def made_split(
    folder: Path, ports: dict[str, int], bus_url: str
) -> Iterator[list[str]]:
    """Runs `make split`; yields the lines that it prints."""
    honcho = shutil.which("honcho", path=str(Path(sys.executable).parent))
    assert honcho is not None
    process = subprocess.Popen(
        [honcho, "start"],
        cwd=ROOT,
        env={
            **os.environ,
            **Files(folder).environment,
            **{name: str(port) for name, port in ports.items()},
            "BUS_URL": bus_url,
            "NATS_STORE": str(folder / "nats"),
            "REDIS_STORE": str(folder / "redis"),
            "AWS_STORE": str(folder / "aws"),
            **aws_environment(ports.get("AWS_PORT", 0)),
            "PUBSUB_STORE": str(folder / "pubsub"),
            "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{ports.get('PUBSUB_PORT', 1)}",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: list[str] = []
    assert process.stdout is not None
    reading = threading.Thread(target=lines.extend, args=[process.stdout])
    reading.start()
    try:
        yield lines
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == STOPPED_BY_CTRL_C, "".join(lines)
    finally:
        process.kill()
        process.wait()
        reading.join(PATIENCE_S)
        process.stdout.close()


@pytest.mark.proof_on("redis", "kafka", "pubsub", "aws")
@pytest.mark.parametrize("broker", ["jetstream", "redis", "kafka", "pubsub", "aws"])
def test_one_command_starts_everything_and_ctrl_c_stops_it(
    tmp_path: Path, broker: str
) -> None:
    of_broker = "NATS_PORT" if broker == "jetstream" else f"{broker}_PORT".upper()
    names = (of_broker, "COMMANDS_PORT", "QUERIES_PORT", "INVENTORY_PORT")
    ports = {name: free_port() for name in names}
    host = f"127.0.0.1:{ports[of_broker]}"
    urls = {"pubsub": "pubsub://storehouse", "aws": f"sns+sqs://{REGION}"}
    url = urls.get(broker, f"{broker}://{host}")
    with made_split(tmp_path, ports, url) as lines:
        for service, port in (
            ("catalog-commands, worker", ports["COMMANDS_PORT"]),
            ("catalog-queries", ports["QUERIES_PORT"]),
            ("inventory", ports["INVENTORY_PORT"]),
        ):
            said = f"Storehouse ({service}) serves on http://127.0.0.1:{port} "
            wait_until(lambda said=said: said in "".join(lines), said)  # type: ignore[misc]

        commands = f"http://127.0.0.1:{ports['COMMANDS_PORT']}"
        queries = f"http://127.0.0.1:{ports['QUERIES_PORT']}"
        registered = httpx.post(f"{commands}/products", json=LAMP)
        token = {"Consistency-Token": registered.headers["Consistency-Token"]}
        shown = httpx.get(f"{queries}/products", headers=token)
        assert shown.json()[0]["availability"] == "in_stock"

    output = "".join(lines)
    assert "Traceback" not in output
    for name in ("broker", "commands", "queries", "inventory"):
        assert f"{name}.1 stopped" in output
    for port in ports.values():
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{port}/healthz")


@pytest.mark.proof_on("feed", "jetstream", "redis", "kafka", "pubsub", "aws")
@pytest.mark.parametrize(
    "bus", ["feed", "nats", "jetstream", "redis", "kafka", "pubsub", "aws"]
)
def test_a_trace_goes_through_all_processes(tmp_path: Path, bus: str) -> None:
    with Cluster(tmp_path, SPLIT, bus) as cluster:
        commands, queries, inventory = (
            f"http://127.0.0.1:{cluster.ports_of(service)[0]}" for service, *_ in SPLIT
        )
        registered = httpx.post(
            f"{commands}/products", json=LAMP, headers={"traceparent": TRACE}
        )
        token = {"Consistency-Token": registered.headers["Consistency-Token"]}
        assert httpx.get(f"{queries}/products", headers=token).status_code == 200

        (opened,) = httpx.get(f"{inventory}/events/inventory").json()

    assert (opened["type"], opened["traceparent"]) == ("stock.opened", TRACE)


def test_a_graceful_stop_under_load_leaves_no_message_unacknowledged(
    tmp_path: Path,
) -> None:
    with Cluster(tmp_path, SPLIT, "jetstream") as cluster:
        with load(cluster.ports_of) as at_work:
            at_work.more(60)
            for name in ("inventory", "catalog-queries"):
                cluster.terminate(name)
        left = asyncio.run(unacknowledged(cluster.nats.url))

    # The name of each group has the identity of the log that it follows.
    assert {re.sub(r"-[0-9a-f]{12}", "", name) for name in left} == {
        "inventory-catalog-product-all",
        "inventory-movements-stock-all",
        "catalog-listing-product-all",
        "catalog-listing-stock-all",
        "catalog-new-product-new-product",
    }
    assert set(left.values()) == {0}


async def unacknowledged(url: str) -> dict[str, int | None]:
    """By durable consumer."""
    client = await nats.connect(url)
    try:
        consumers = await client.jetstream().consumers_info("storehouse")
        return {each.name: each.num_ack_pending for each in consumers}
    finally:
        await client.close()


PAIRS: list[Layout] = [
    (("catalog-commands", "catalog-queries"), ("inventory",)),
    (("catalog-commands", "inventory"), ("catalog-queries",)),
    (("catalog-commands",), ("catalog-queries", "inventory")),
]


@pytest.mark.proof
@pytest.mark.parametrize("layout", PAIRS, ids=lambda pair: "+".join(pair[0]))
def test_any_two_services_may_share_a_process(tmp_path: Path, layout: Layout) -> None:
    with Cluster(tmp_path, layout, "feed") as cluster:
        commands, queries, inventory = (
            f"http://127.0.0.1:{cluster.ports_of(service)[0]}" for service, *_ in SPLIT
        )
        registered = httpx.post(f"{commands}/products", json=LAMP)
        token = {"Consistency-Token": registered.headers["Consistency-Token"]}
        shown = httpx.get(f"{queries}/products", headers=token).json()
        reserved = httpx.put(
            f"{inventory}/stock/LAMP-0001/reservations/A", json={"quantity": 5}
        )
        token = {"Consistency-Token": reserved.headers["Consistency-Token"]}
        sold_out = httpx.get(f"{queries}/products", headers=token).json()
        exact = httpx.get(f"{queries}/products/LAMP-0001?stock=exact").json()

    assert shown[0]["availability"] == "in_stock"
    assert sold_out[0]["availability"] == "out_of_stock"
    assert exact["stock"] == 0
