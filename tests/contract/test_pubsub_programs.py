"""Programs with Google's own client, which know nothing of Storehouse."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.cloud import pubsub_v1

from tests.cluster import SPLIT, Cluster, wait_until
from tests.pubsub_server import PROJECT

pytestmark = [pytest.mark.server, pytest.mark.proof]
PRODUCTS = 20


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    with Cluster(tmp_path, SPLIT, "pubsub") as cluster:
        host = f"127.0.0.1:{cluster.broker.port}"
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", host)
        yield cluster


def test_a_product_reader_gets_every_product(cluster: Cluster) -> None:
    commands = f"http://127.0.0.1:{cluster.ports_of('catalog-commands')[0]}"
    seen: list[Any] = []
    log = httpx.get(f"{commands}/events/catalog/log").json()["log"]
    topic = f"projects/{PROJECT}/topics/storehouse.log.catalog.{log}"
    mine = f"projects/{PROJECT}/subscriptions/product-reader"

    with pubsub_v1.SubscriberClient() as reader:
        reader.create_subscription(name=mine, topic=topic)
        for number in range(PRODUCTS):
            product = {"name": f"Lamp {number}", "sku": f"LAMP-{number}"}
            answer = httpx.post(
                f"{commands}/products", json={**product, "stock_count": 1}
            )
            assert answer.status_code == 201
        while len(seen) < PRODUCTS:
            found = reader.pull(subscription=mine, max_messages=100, timeout=15)
            for each in found.received_messages:
                assert each.message.attributes["ce-type"] == "product.inserted"
                product = json.loads(each.message.data)
                seen.append((product["name"], product["sku"]))
            ids = [each.ack_id for each in found.received_messages]
            if ids:
                reader.acknowledge(subscription=mine, ack_ids=ids)

    expected = {(f"Lamp {n}", f"LAMP-{n}") for n in range(PRODUCTS)}
    assert set(seen) == expected


def test_a_product_writer_registers_by_a_message(cluster: Cluster) -> None:
    queries = f"http://127.0.0.1:{cluster.ports_of('catalog-queries')[0]}"
    lamp = {"name": "Desk lamp", "sku": "LAMP-0001", "stock_count": 5}
    writer = pubsub_v1.PublisherClient()
    topic = f"projects/{PROJECT}/topics/new.product"

    def somebody_listens() -> bool:
        names = [
            each.name for each in writer.list_topics(project=f"projects/{PROJECT}")
        ]
        return topic in names and bool(
            list(writer.list_topic_subscriptions(topic=topic))
        )

    wait_until(somebody_listens, "joining")
    assert writer.publish(topic, json.dumps(lamp).encode()).result(15)
    writer.stop()

    def is_listed() -> bool:
        answer = httpx.get(f"{queries}/products/LAMP-0001")
        return answer.status_code == 200 and answer.json()["availability"] == "in_stock"

    wait_until(is_listed, "registering")
