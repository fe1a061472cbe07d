"""Requests without a server: a storehouse behind a Flask test client."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import Settings, assemble
from shared_kernel.runtime.running import RunningServices
from shared_kernel.serving.application import web_application
from tests.databases import Databases
from tests.shared_kernel.events.builders import ManualClock
from tests.storehouses import urls


@attrs.frozen(kw_only=True)
class Shop:
    """A storehouse behind a client; its workers run only on request."""

    storehouse: RunningServices
    client: FlaskClient
    clock: ManualClock

    def register(self, sku: str = "LAMP-1", **more: Any) -> TestResponse:
        """With defaults for irrelevant values; its event is applied by inventory."""
        response = self.client.post("/products", json=a_product(sku=sku, **more))
        assert response.status_code == 201, response.text
        self.settle()
        return response

    def settle(self) -> None:
        self.storehouse.workers.run_until_idle()

    def listed(self, sku: str = "LAMP-1") -> Mapping[str, Any]:
        self.settle()
        found: Mapping[str, Any] = self.client.get(f"/products/{sku}").get_json()
        return found


@contextmanager
def a_shop(where: Databases | Path, **settings: Any) -> Iterator[Shop]:
    """Opened again at the same place, it is as after a restart."""
    given = {"sqlite_synchronous": "NORMAL", "consistency_timeout_ms": 30}
    clock = ManualClock()
    storehouse = assemble(Settings(**{**urls(where), **given, **settings}), clock=clock)
    try:
        client = web_application(storehouse).test_client()
        yield Shop(storehouse=storehouse, client=client, clock=clock)
    finally:
        storehouse.stop()


def a_product(**more: Any) -> dict[str, Any]:
    return {"name": "Desk lamp", "sku": "LAMP-1", "stock_count": 5} | more


def problem(response: TestResponse, status: int, slug: str) -> dict[str, Any]:
    """The problem document, of the expected kind."""
    document: dict[str, Any] = response.get_json()
    found = (response.status_code, response.content_type, document["type"])
    expected = (status, "application/problem+json", f"/problems/{slug}")
    assert found == expected, document
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    return document


def faults(document: Mapping[str, Any]) -> dict[str, str]:
    """The faults, by pointer; no pointer is repeated."""
    found = {each["pointer"]: each["type"] for each in document["errors"]}
    assert len(found) == len(document["errors"]), document
    return found
