"""A file is imported by workers in other processes, of which some are killed."""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from app import Settings
from shared_kernel.runtime.settings import WORKER
from tests.brokers import queue_settings
from tests.cluster import ROOT, Cluster, Layout, wait_until
from tests.cluster_client import ask
from tests.databases import Databases
from tests.redis_server import RedisServer
from tests.storehouses import SUPERSTORE, a_storehouse

pytestmark = [pytest.mark.server, pytest.mark.proof_on("postgresql", "jetstream")]

WITHOUT_WORKER: Layout = (
    tuple(each for each in Settings.all_services() if each != WORKER),
)
WORKERS = 4


@contextmanager
def a_worker(
    cluster: Cluster, folder: Path, number: int
) -> Iterator[subprocess.Popen[bytes]]:
    with (
        (folder / f"worker-{number}.log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "app", "worker"],
            cwd=ROOT,
            env={**os.environ, **cluster.environment_of("catalog-commands")},
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as worker,
    ):
        try:
            wait_until(lambda: b"Working on" in _content(log.name), "a worker")
            yield worker
        finally:
            worker.kill()


def _content(name: str) -> bytes:
    return Path(name).read_bytes()


def send(port: int, file: Path, query: str = "") -> str:
    """The path of the import."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    sent = {"Content-Type": "text/csv"}
    connection.request("POST", f"/products/imports{query}", file.read_bytes(), sent)
    response = connection.getresponse()
    content = response.read()
    assert response.status == 202, content
    connection.close()
    return str(response.headers["Location"])


@pytest.mark.parametrize("queue", ["sql", "redis", "jetstream"])
def test_workers_that_are_killed_lose_no_row_and_repeat_none(
    databases: Databases,
    tmp_path: Path,
    queue: str,
    record_property: Callable[[str, object], None],
) -> None:
    """The file has 32 SKUs twice: of an update, those rows change earlier ones."""
    seed = random.SystemRandom().randrange(10**6)
    record_property("seed", seed)
    chance = random.Random(seed)
    with ExitStack() as stack:
        settings = stack.enter_context(queue_settings(queue, tmp_path / "queue"))
        cluster = stack.enter_context(
            Cluster(
                tmp_path,
                WITHOUT_WORKER,
                "inprocess",
                databases=databases,
                settings=settings,
            )
        )
        (port,) = cluster.ports_of("catalog-commands")
        workers = [
            stack.enter_context(a_worker(cluster, tmp_path, number))
            for number in range(WORKERS)
        ]
        where = send(port, SUPERSTORE / "products.csv", "?update=true")
        victims = chance.sample(workers, 2)
        for victim in victims:
            Event().wait(chance.uniform(0, 0.2))
            victim.send_signal(signal.SIGKILL)

        ended: dict[str, Any] = {}

        def has_ended() -> bool:
            ended.update(ask(port, "GET", where)[1])
            return ended["ended"] is not None

        wait_until(has_ended, "the import")
        survivors = [each for each in workers if each not in victims]
        for each in survivors:
            each.send_signal(signal.SIGTERM)
        codes = [each.wait(20) for each in survivors]

    names = ("registered", "updated", "skipped", "refused")
    assert ended["state"] == "done", seed
    assert [ended[name] for name in names] == [1862, 32, 0, 0], seed
    assert codes == [0] * len(survivors)
    with a_storehouse(databases) as storehouse:
        events = storehouse.context("catalog").log.read(0, 10_000)
        depth = storehouse.queues[0].queue.depth()
    happened = Counter((each.type, each.key) for each in events)
    assert max(happened.values()) == 1
    assert Counter(kind for kind, _ in happened) == {
        "product.inserted": 1862,
        "product.renamed": 32,
        "product.repriced": 32,
    }
    assert (depth.waiting, depth.in_flight) == (0, 0)


def test_the_process_that_receives_a_file_may_be_killed_before_it_is_done(
    databases: Databases, tmp_path: Path
) -> None:
    layout: Layout = (tuple(Settings.all_services()),)
    with Cluster(tmp_path, layout, "inprocess", databases=databases) as cluster:
        (port,) = cluster.ports_of("catalog-commands")
        where = send(port, SUPERSTORE / "products.csv")
        (name,) = cluster.processes
        cluster.kill(name)
        cluster.restart(name)
        (port,) = cluster.ports_of("catalog-commands")
        ended: dict[str, Any] = {}

        def has_ended() -> bool:
            ended.update(ask(port, "GET", where)[1])
            return ended["ended"] is not None

        wait_until(has_ended, "the import")

    counts = ended["registered"], ended["skipped"], ended["refused"]
    assert counts == (1862, 0, 32), json.dumps(ended)


def test_a_program_that_writes_to_the_list_in_redis_registers_a_product(
    databases: Databases, tmp_path: Path
) -> None:
    """The chapter's product writer, with a queue of rmq."""
    payload = json.dumps({"name": "Desk lamp", "sku": "LAMP-0001", "stock_count": 5})
    entry = {"id": "8674665223082153551", "name": "new.product", "payload": payload}
    with RedisServer(tmp_path / "redis") as server:
        settings = {"QUEUE_URL": server.url, "NEW_PRODUCTS_LIST": "test_queue"}
        layout: Layout = (tuple(Settings.all_services()),)
        with Cluster(
            tmp_path, layout, "inprocess", databases=databases, settings=settings
        ) as cluster:
            (port,) = cluster.ports_of("catalog-queries")
            server.client.lpush("rmq::queue::[test_queue]::ready", json.dumps(entry))

            wait_until(
                lambda: ask(port, "GET", "/products/LAMP-0001")[0] == 200, "the lamp"
            )

        assert server.client.llen("rmq::queue::[test_queue]::ready") == 0
