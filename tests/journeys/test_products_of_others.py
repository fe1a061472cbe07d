"""Other programs send products to the queue in a broker, and each is registered once.

They use the SDK of the broker, and know nothing of Storehouse but the queue's name.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from app import Settings
from tests.aws_server import AwsServer
from tests.brokers import QUEUED, Broker
from tests.cluster import Cluster, Layout, wait_until
from tests.cluster_client import ask
from tests.databases import Databases
from tests.nats_server import NatsServer
from tests.pubsub_server import PubSubServer
from tests.shared_kernel.queues.broker_benches import Place
from tests.shared_kernel.queues.jetstream_builders import JetStreamPlace
from tests.shared_kernel.queues.pubsub_builders import PubSubPlace
from tests.shared_kernel.queues.sqs_builders import SqsPlace

pytestmark = [pytest.mark.server, pytest.mark.proof]

QUEUE = "their-products"
EVENT = {"specversion": "1.0", "id": "1", "source": "/till", "type": "new.product"}


def place_of(server: Broker) -> Place:
    if isinstance(server, NatsServer):
        return JetStreamPlace(server)
    if isinstance(server, PubSubServer):
        return PubSubPlace(server)
    assert isinstance(server, AwsServer)
    return SqsPlace(server)


def lamp(number: int) -> dict[str, object]:
    return {"name": "Desk lamp", "sku": f"LAMP-{number}", "stock_count": 5}


@attrs.frozen
class Shop:
    cluster: Cluster
    place: Place

    def send(self, body: Mapping[str, object]) -> None:
        self.place.send(json.dumps(body).encode(), queue=QUEUE)

    def has(self, number: int) -> bool:
        (port,) = self.cluster.ports_of("catalog-queries")
        return ask(port, "GET", f"/products/LAMP-{number}")[0] == 200


@contextmanager
def a_shop(
    kind: str, folder: Path, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    server = QUEUED[kind].make(folder / "broker")
    server.start()
    settings = dict(QUEUED[kind].settings(server.port))
    for name in settings.keys() - os.environ.keys():
        monkeypatch.setenv(name, settings[name])
    layout: Layout = (tuple(Settings.all_services()),)
    try:
        with Cluster(
            folder,
            layout,
            "inprocess",
            databases=databases,
            settings=settings | {"NEW_PRODUCTS_LIST": QUEUE},
        ) as cluster:
            yield Shop(cluster, place_of(server))
    finally:
        server.kill()


def once_there(send: Callable[[], None]) -> None:
    """The process makes the queue when its worker begins."""

    def is_sent() -> bool:
        try:
            send()
        except Exception:  # noqa: BLE001 - each SDK has its own for what is not there
            return False
        return True

    wait_until(is_sent, "the queue")


@pytest.mark.parametrize("kind", ["jetstream", "sqs", "pubsub"])
def test_a_product_is_registered_however_it_is_sent(
    kind: str,
    databases: Databases,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with a_shop(kind, tmp_path, databases, monkeypatch) as shop:
        once_there(lambda: shop.send(lamp(1)))
        shop.send({"id": "7", "name": "new.product", "payload": json.dumps(lamp(2))})
        for _ in range(2):
            shop.send(EVENT | {"data": lamp(3)})
        for number in (1, 2, 3):
            wait_until(lambda n=number: shop.has(n), f"lamp {number}")  # type: ignore[misc] # bound
        (port,) = shop.cluster.ports_of("catalog-queries")
        _, listing, *_ = ask(port, "GET", "/products")
        status, ready, *_ = ask(port, "GET", "/readyz")

    assert sorted(each["code"] for each in listing) == ["LAMP-1", "LAMP-2", "LAMP-3"]
    assert status == 200
    assert f"{kind}:" in json.dumps(ready)
