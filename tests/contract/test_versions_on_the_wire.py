"""Other programs get the version that they know; our processes the newest."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from app import Settings, assemble
from shared_kernel.buses.nats.core import NatsBus
from shared_kernel.buses.nats.jetstream import JetStreamBus
from shared_kernel.buses.nats.options import NatsOptions
from shared_kernel.buses.nats.stream import StreamDeclaration
from shared_kernel.buses.port import EventBus
from shared_kernel.serving.application import web_application
from tests.contract.bus_bench import Inbox, until
from tests.nats_server import NatsServer
from tests.storehouses import urls

pytestmark = pytest.mark.server

DECLARED = StreamDeclaration(subjects=["product.>", "stock.>"])
BUSES: dict[str, Callable[[NatsOptions], EventBus]] = {
    "nats": NatsBus,
    "jetstream": lambda options: JetStreamBus(options, DECLARED),
}


@pytest.mark.parametrize("name", BUSES)
def test_both_versions_of_a_count_are_published_and_one_is_applied(
    name: str, tmp_path: Path
) -> None:
    old, new = Inbox(), Inbox()
    with NatsServer(tmp_path / "nats", jetstream=True) as server:
        options = NatsOptions(servers=[server.address])
        ours, theirs = BUSES[name](options), BUSES[name](options)
        settings = Settings(**urls(tmp_path), sqlite_synchronous="NORMAL")
        storehouse = assemble(settings, bus=ours)
        ours.open()
        theirs.open()
        theirs.subscribe("stock.counted", "other-program", old)
        theirs.subscribe("stock.counted.v2", "newer-program", new)
        client = web_application(storehouse).test_client()
        storehouse.start()
        try:
            lamp = {"name": "Lamp", "sku": "LAMP-0001", "stock_count": 5}
            client.post("/products", json=lamp)
            until(lambda: client.get("/stock?id=LAMP-0001").status_code == 200, "stock")
            client.put("/stock/LAMP-0001/reservations/A", json={"quantity": 4})
            counted = {"on_hand": 3, "reason": "water"}
            client.post("/stock/LAMP-0001/counts", json=counted)
            until(lambda: bool(old.received and new.received), "both versions")
            movements = "/stock/LAMP-0001/movements"
            until(lambda: "counted" in client.get(movements).text, "the movement")
            shown = client.get(movements).get_json()
        finally:
            storehouse.stop()
            theirs.close()

    (first,), (second,) = old.received, new.received
    assert json.loads(first.data)["released_orders"] == ["A"]
    assert json.loads(second.data)["released"] == [{"order": "A", "pieces": 4}]
    assert (first.id, first.position) == (second.id, second.position)
    assert [each["kind"] for each in shown].count("counted") == 1
