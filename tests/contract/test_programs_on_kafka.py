"""Programs that know Kafka and JSON, and nothing of Storehouse."""

import json
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, Producer

from tests.cluster import SPLIT, Cluster, wait_until
from tests.contract.test_chapter_programs import dead_letters

pytestmark = [pytest.mark.server, pytest.mark.proof]
PRODUCTS = 20


class ProductReader:
    """As the chapter's one: it finds the topic of the log by its name."""

    def __init__(self, address: str) -> None:
        self.seen: list[dict[str, Any]] = []
        self._consumer = Consumer(
            {
                "bootstrap.servers": address,
                "group.id": "product-reader",
                "auto.offset.reset": "earliest",
            }
        )
        self._consumer.subscribe([r"^storehouse\.log\.catalog\..*"])
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while not self._stop.is_set():
            message = self._consumer.poll(0.1)
            if message is None or message.error():
                continue
            if ("ce_type", b"product.inserted") in (message.headers() or ()):
                product = json.loads(message.value() or b"")
                self.seen.append({"name": product["name"], "sku": product["sku"]})
        self._consumer.close()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def url_of(cluster: Cluster, service: str) -> str:
    return f"http://127.0.0.1:{cluster.ports_of(service)[0]}"


def test_a_product_reader_gets_every_product(tmp_path: Path) -> None:
    with Cluster(tmp_path, SPLIT, "kafka") as cluster:
        reader = ProductReader(f"127.0.0.1:{cluster.broker.port}")
        for number in range(PRODUCTS):
            lamp = {"name": f"Lamp {number}", "sku": f"LAMP-{number}", "stock_count": 1}
            url = f"{url_of(cluster, 'catalog-commands')}/products"
            assert httpx.post(url, json=lamp).status_code == 201
        wait_until(lambda: len(reader.seen) >= PRODUCTS, "reading")
        reader.stop()

    assert reader.seen == [
        {"name": f"Lamp {n}", "sku": f"LAMP-{n}"} for n in range(PRODUCTS)
    ]


def test_a_product_writer_registers_by_a_message(tmp_path: Path) -> None:
    with Cluster(tmp_path, SPLIT, "kafka") as cluster:
        writer = Producer({"bootstrap.servers": f"127.0.0.1:{cluster.broker.port}"})
        until_it_listens(writer, cluster)
        lamp = {"name": "Desk lamp", "sku": "LAMP-0001", "stock_count": 5}
        writer.produce("new.product", json.dumps(lamp).encode())
        writer.produce("new.product", b"no product")
        assert writer.flush(10) == 0

        product = f"{url_of(cluster, 'catalog-queries')}/products/LAMP-0001"
        wait_until(lambda: availability(product) == "in_stock", "registering")
        (letter,) = dead_letters(cluster, 1)

    assert letter["subscription"] == "catalog.new-product"


def until_it_listens(writer: Producer, cluster: Cluster) -> None:
    """A process answers before it has joined the group for the first time."""
    first = f"{url_of(cluster, 'catalog-queries')}/products/FIRST-1"

    def is_there() -> bool:
        lamp = {"name": "First", "sku": "FIRST-1", "stock_count": 1}
        writer.produce("new.product", json.dumps(lamp).encode())
        writer.flush(10)
        threading.Event().wait(0.3)
        return httpx.get(first).status_code == 200

    wait_until(is_there, "listening")


def availability(product: str) -> str | None:
    answer = httpx.get(product)
    found: str | None = answer.json().get("availability")
    return found if answer.status_code == 200 else None
