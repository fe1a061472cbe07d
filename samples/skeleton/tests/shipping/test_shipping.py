"""Shipping over HTTP and with its databases."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared_kernel.domain.sku import Sku
from shared_kernel.runtime.running import RunningServices
from shared_kernel.serving.application import web_application
from shipping.adapters.repository import (
    parcel_from_row,
    parcel_to_row,
    product_from_row,
    product_to_row,
)
from shipping.adapters.services import keep_products
from shipping.domain.parcel import Parcel
from shipping.domain.value_objects import ParcelReference, Product
from tests.databases import Databases
from tests.storehouses import a_storehouse

LAMP = {"sku": "LAMP-0001", "name": "Desk lamp", "stock_count": 1}


@pytest.fixture
def storehouse(databases: Databases) -> Iterator[RunningServices]:
    with a_storehouse(databases) as storehouse:
        client_of(storehouse).post("/products", json=LAMP)
        storehouse.workers.run_until_idle()
        yield storehouse


def client_of(storehouse: RunningServices) -> FlaskClient:
    return web_application(storehouse).test_client()


def opened(storehouse: RunningServices, reference: str) -> TestResponse:
    answer = client_of(storehouse).put(
        f"/parcels/{reference}", json={"sku": "LAMP-0001"}
    )
    storehouse.workers.run_until_idle()
    return answer


def test_an_opened_parcel_is_listed(storehouse: RunningServices) -> None:
    answer = opened(storehouse, "PARCEL-1")

    assert answer.status_code == 200
    assert answer.get_json() == {"reference": "PARCEL-1", "version": 1}
    assert answer.headers["ETag"] == '"1"'
    token = {"Consistency-Token": answer.headers["Consistency-Token"]}
    (listed,) = client_of(storehouse).get("/parcels", headers=token).get_json()
    assert listed.pop("opened_at")
    assert listed == {"reference": "PARCEL-1", "sku": "LAMP-0001", "name": "Desk lamp"}


def test_each_page_links_to_the_next(storehouse: RunningServices) -> None:
    for number in range(3):
        opened(storehouse, f"PARCEL-{number}")

    first = client_of(storehouse).get("/parcels?limit=2")
    link = first.headers["Link"].partition(">")[0].removeprefix("<")
    second = client_of(storehouse).get(link)

    shown = [each["reference"] for page in (first, second) for each in page.get_json()]
    assert shown == ["PARCEL-2", "PARCEL-1", "PARCEL-0"]
    assert "Link" not in second.headers


def test_a_repeated_event_changes_nothing(storehouse: RunningServices) -> None:
    database, _ = storehouse.service("shipping").databases
    batch = storehouse.context("catalog").log.read(0, 10)

    with database.writing() as connection:
        keep_products([*batch, *batch], connection)

    assert opened(storehouse, "PARCEL-1").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "problem"),
    [
        ("/parcels/PARCEL-1", {"sku": "DESK-0001"}, 409, "product-not-sold"),
        ("/parcels/PARCEL-1", {"sku": "two  spaces"}, 422, "invalid-value"),
        ("/parcels/PARCEL-1", {}, 422, "missing-field"),
        ("/parcels/a%20b", {"sku": "LAMP-0001"}, 400, "invalid-parameter"),
    ],
)
def test_an_invalid_request_is_refused(
    storehouse: RunningServices,
    path: str,
    body: dict[str, str],
    status: int,
    problem: str,
) -> None:
    refused = client_of(storehouse).put(path, json=body)

    assert refused.status_code == status
    assert refused.get_json()["type"].endswith(problem)


def test_a_stored_row_is_read_unchanged() -> None:
    product = Product(sku=Sku("LAMP-0001"), name="Desk lamp", sold=True)
    parcel = Parcel.open(ParcelReference("PARCEL-1"), product)

    row = list(parcel_to_row(parcel).values())
    assert parcel_to_row(parcel_from_row(row)) == parcel_to_row(parcel)
    assert product_from_row(list(product_to_row(product).values())) == product
