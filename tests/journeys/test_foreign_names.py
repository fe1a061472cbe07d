"""Any name that others gave comes through every door and back, unchanged."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from shared_kernel.buses.envelope import Envelope
from shared_kernel.domain.errors import InvalidValue
from shared_kernel.domain.sku import Sku
from tests.storehouses import a_csv, run
from tests.web_clients import Shop, a_product, a_shop

pytestmark = pytest.mark.slow

WRITTEN = st.characters(categories=["L", "M", "N", "P", "S"]) | st.sampled_from(" /%#?")
_named: list[str] = []


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with a_shop(tmp_path_factory.mktemp("shop")) as opened:
        yield opened


def a_new_name(text: str) -> str:
    """The text and a number, so that no two are the same; refused ones are left out."""
    try:
        name = Sku(f"{text}.{len(_named)}").code
    except InvalidValue:
        name = f"{len(_named)}"
    _named.append(name)
    return name


def read(response: TestResponse) -> Any:
    assert response.status_code in (200, 201), response.text
    return response.get_json()


def by_request(shop: Shop, sku: str) -> None:
    sent = shop.client.post("/products", json=a_product(sku=sku))
    assert sent.headers["Location"] == f"/products/{quote(sku, safe='')}", sent.text


def by_message(shop: Shop, sku: str) -> None:
    said = json.dumps(a_product(sku=sku), ensure_ascii=False).encode()
    message = Envelope(0, sku, "", "new.product", "", 1, None, said)
    shop.storehouse.workers.step()
    shop.storehouse.runtime.bus.publish([message])


def by_file(shop: Shop, folder: Path, sku: str) -> None:
    file = a_csv(folder / "one.csv", "sku,name,stock_count", [[sku, "Lamp", 5]])
    result = run(shop.storehouse.context("catalog").cli, "import", file)
    assert result.exit_code == 0, result.output


def comes_back(shop: Shop, sku: str, order: str) -> None:
    client, at, held_by = shop.client, quote(sku, safe=""), quote(order, safe="")
    shop.settle()

    assert read(client.get(f"/products/{at}"))["code"] == sku
    assert read(client.get(f"/products/{quote(sku)}"))["code"] == sku
    assert read(client.get(f"/stock?id={at}")) == {"quantity": 5}
    hold = f"/stock/{at}/reservations/{held_by}"
    assert read(client.put(hold, json={"quantity": 2}))["sku"] == sku
    assert read(client.post(f"{hold}/shipment"))["on_hand"] == 3
    shop.settle()
    newest = read(client.get(f"/stock/{at}/movements?limit=1"))[0]
    assert (newest["sku"], newest["order"]) == (sku, order)
    for source in ("catalog", "inventory"):
        log = shop.storehouse.context(source).log
        feed = client.get(f"/events/{source}?after={log.head() - 1}").get_json()
        assert feed[-1]["subject"] == feed[-1]["data"]["sku"] == sku


@given(text=st.text(WRITTEN, min_size=1, max_size=12))
@example("AB/12-X")
@example("A\u0308 %2F;#?&=+")
@settings(max_examples=6, deadline=None)
def test_any_name_comes_through_every_door_and_back(
    shop: Shop, tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    by_request(shop, requested := a_new_name(text))
    comes_back(shop, requested, requested)
    by_message(shop, sent := a_new_name(text))
    comes_back(shop, sent, requested)
    # What a spreadsheet would run is escaped in files, which is another rule's matter.
    filed = a_new_name("F" + text)
    by_file(shop, tmp_path_factory.mktemp("file"), filed)
    comes_back(shop, filed, sent)
