"""With a full disk `/readyz` says what commands find."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from shared_kernel.operations import writability
from shared_kernel.operations.writability import Writability
from shared_kernel.runtime.workers import Workers
from tests.shared_kernel.operations.shop import Shop, a_client
from tests.web_clients import Shop as WebShop
from tests.web_clients import a_product, a_shop, problem


@contextmanager
def files_that_cannot_grow_beyond(size: int) -> Iterator[None]:
    """For the operating system it is as good as no room: what is written is refused."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def web_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebShop]:
    monkeypatch.setattr(writability, "REMEMBERED_S", 0)
    with a_shop(tmp_path) as shop:
        shop.storehouse.start()
        yield shop


def of_writing(client: FlaskClient) -> list[str]:
    document = client.get("/readyz").get_json()
    return [each for each in document["behind"] if "cannot be written to" in each]


def test_what_commands_cannot_record_is_not_ready_and_ready_again_afterwards(
    web_shop: WebShop,
) -> None:
    client = web_shop.client
    assert client.post("/products", json=a_product(sku="BEFORE")).status_code == 201
    assert of_writing(client) == []

    with files_that_cannot_grow_beyond(4096):
        answer = client.post("/products", json=a_product(sku="MEANWHILE"))
        problem(answer, 503, "unavailable")
        problem(client.get("/readyz"), 503, "not-ready")
        catalog, inventory = of_writing(client)

    assert catalog.startswith("catalog-commands: its database cannot be written to: ")
    assert inventory.startswith("inventory: its database cannot be written to: ")
    assert of_writing(client) == []
    assert client.post("/products", json=a_product(sku="AFTER")).status_code == 201
    recorded = [event["key"] for event in client.get("/events/catalog").get_json(True)]
    assert recorded == ["BEFORE", "AFTER"]


def test_finding_out_leaves_nothing_behind(shop: Shop, workers: Workers) -> None:
    rows = "SELECT count(*) FROM subscription_cursors"

    assert a_client(shop, workers).get("/readyz").status_code == 200

    with shop.source.reading() as connection:
        assert connection.exec_driver_sql(rows).scalar_one() == 0


def test_a_database_is_written_to_once_a_second_however_many_ask(shop: Shop) -> None:
    found = Writability(shop.source)
    with shop.source.reading() as connection:
        before = shop.source.version(connection)
        assert found.refusal() is None
        after = shop.source.version(connection)

        for _ in range(50):
            assert found.refusal() is None

        assert before != after
        assert shop.source.version(connection) == after
