"""The chapter's own programs: they know NATS and JSON, and nothing of Storehouse."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.cluster import PATIENCE_S, ROOT, SPLIT, Cluster, wait_until

pytestmark = pytest.mark.server
TIMEOUT_S = 15.0
PRODUCTS = 40


@pytest.fixture(params=["nats", "jetstream"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path, SPLIT, request.param) as cluster:
        yield cluster


def url_of(cluster: Cluster, service: str) -> str:
    return f"http://127.0.0.1:{cluster.ports_of(service)[0]}"


async def nats_of(cluster: Cluster) -> Client:
    return await nats.connect(cluster.nats.url)


@pytest.mark.proof_on("jetstream")
def test_a_product_reader_gets_every_product(cluster: Cluster) -> None:
    """Two replicas share them by a queue group, as the chapter's product readers do."""
    seen: list[dict[str, Any]] = []

    async def read_products() -> None:
        readers, complete = [await nats_of(cluster) for _ in range(2)], asyncio.Event()

        async def product_inserted(message: Msg) -> None:
            product = json.loads(message.data)
            seen.append({"name": product["name"], "sku": product["sku"]})
            if len(seen) == PRODUCTS:
                complete.set()

        for reader in readers:
            await reader.subscribe(
                "product.inserted", queue="product-reader", cb=product_inserted
            )
            await reader.flush()
        async with httpx.AsyncClient(
            base_url=url_of(cluster, "catalog-commands")
        ) as to:
            for number in range(PRODUCTS):
                product = {"name": f"Lamp {number}", "sku": f"LAMP-{number}"}
                answer = await to.post("/products", json={**product, "stock_count": 1})
                assert answer.status_code == 201
        async with asyncio.timeout(TIMEOUT_S):
            await complete.wait()
        for reader in readers:
            await reader.drain()

    asyncio.run(read_products())

    expected = [{"name": f"Lamp {n}", "sku": f"LAMP-{n}"} for n in range(PRODUCTS)]
    assert sorted(seen, key=lambda each: int(each["sku"].split("-")[1])) == expected


@pytest.mark.proof_on("jetstream")
def test_a_product_writer_registers_by_a_message(cluster: Cluster) -> None:
    good = {"name": "Desk lamp", "sku": "LAMP-0001", "stock_count": 5}
    bad = {"name": "Chair", "sku": "CHAIR-1", "stock_count": "4"}

    async def publish(*messages: bytes) -> None:
        writer = await nats_of(cluster)
        await until_it_listens(writer, cluster)
        for message in messages:
            await writer.publish("new.product", message)
        await writer.drain()

    asyncio.run(
        publish(json.dumps(good).encode(), json.dumps(bad).encode(), b"no product")
    )

    listed = asyncio.run(listing(cluster, "LAMP-0001"))
    assert (listed["name"], listed["availability"]) == ("Desk lamp", "in_stock")
    letters = dead_letters(cluster, 2)
    assert {letter["subscription"] for letter in letters} == {"catalog.new-product"}
    reasons = " ".join(letter["reason"] for letter in letters)
    assert "/stock_count: expected integer" in reasons
    assert "JSON is malformed" in reasons


async def until_it_listens(writer: Client, cluster: Cluster) -> None:
    """A process answers before it has joined the bus; this product may come again."""
    first = json.dumps({"name": "First", "sku": "FIRST-1", "stock_count": 1}).encode()
    async with (
        httpx.AsyncClient(base_url=url_of(cluster, "catalog-queries")) as asking,
        asyncio.timeout(PATIENCE_S),
    ):
        while (await asking.get("/products/FIRST-1")).status_code != 200:
            await writer.publish("new.product", first)
            await writer.flush()
            await asyncio.sleep(0.2)


async def listing(cluster: Cluster, sku: str) -> dict[str, Any]:
    """Once it has its stock."""
    async with (
        httpx.AsyncClient(base_url=url_of(cluster, "catalog-queries")) as asking,
        asyncio.timeout(TIMEOUT_S),
    ):
        while True:
            answer = await asking.get(f"/products/{sku}")
            shown: dict[str, Any] = answer.json()
            if answer.status_code == 200 and shown["availability"] != "unknown":
                return shown
            await asyncio.sleep(0.05)


def dead_letters(cluster: Cluster, count: int) -> list[dict[str, Any]]:
    """As an operator lists them."""
    command = [sys.executable, "-m", "flask", "--app", "app", "dead-letters", "list"]
    found: list[dict[str, Any]] = []

    def all_there() -> bool:
        listed = subprocess.run(
            [*command, "--json"],
            cwd=ROOT,
            env={**os.environ, **cluster.environment_of("catalog-commands")},
            capture_output=True,
            text=True,
            check=True,
        )
        found[:] = [json.loads(line) for line in listed.stdout.splitlines()]
        return len(found) == count

    wait_until(all_there, "dead-lettering")
    return found
