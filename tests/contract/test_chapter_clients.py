"""Clients written for the chapter's services, unchanged, against ours."""

import json
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.benchmarks.servers import storehouse

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with storehouse() as port:
        yield f"http://127.0.0.1:{port}"


def until_listed(url: str, path: str, token: str) -> Any:
    answer = httpx.get(url + path, headers={"Consistency-Token": token})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_product_is_inserted_with_a_name_a_sku_and_a_stock_count(url: str) -> None:
    body = {"name": "Lamp", "sku": "CHAPTER-1", "stock_count": 10}

    answer = httpx.post(f"{url}/product", json=body)

    assert answer.status_code == 201
    assert answer.json()["sku"] == "CHAPTER-1"


@pytest.mark.parametrize("path", ["/product", "/products"])
def test_the_listing_is_an_array_of_names_codes_and_dates(url: str, path: str) -> None:
    sku = f"CHAPTER{path.replace('/', '-')}"
    body = {"name": "Noble lamp", "sku": sku, "stock_count": 1}
    token = httpx.post(f"{url}/product", json=body).headers["Consistency-Token"]

    listing = until_listed(url, path, token)

    (product,) = (each for each in listing if each["code"] == sku)
    assert product["name"] == "Noble lamp"
    assert datetime.fromisoformat(product["last_updated"]).tzinfo is not None


@pytest.mark.parametrize("count", [0, 7])
def test_the_quantity_is_returned_by_itself(url: str, count: int) -> None:
    sku = f"QUANTITY-{count}"
    body = {"name": "Lamp", "sku": sku, "stock_count": count}
    token = httpx.post(f"{url}/product", json=body).headers["Consistency-Token"]

    assert until_listed(url, f"/stock?id={sku}", token) == {"quantity": count}


def test_a_client_of_the_standard_library_is_served(url: str) -> None:
    body = json.dumps({"name": "Lamp", "sku": "URLLIB-1", "stock_count": 1})
    asked = urllib.request.Request(
        f"{url}/product",
        body.encode(),
        {"Content-Type": "application/json"},
        method="POST",
    )

    with urllib.request.urlopen(asked) as answer:
        assert answer.status == 201
