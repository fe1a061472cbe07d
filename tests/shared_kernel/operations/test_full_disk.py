"""With a full disk `/readyz` reports what commands would meet."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from shared_kernel.operations import writability
from shared_kernel.operations.writability import Writability
from shared_kernel.runtime.workers import Workers
from shared_kernel.storage.database import Database
from tests.databases import Schemas
from tests.files import files_that_cannot_grow_beyond
from tests.shared_kernel.operations.shop import Shop, a_client
from tests.web_clients import Shop as WebShop
from tests.web_clients import a_product, a_shop, problem


@pytest.fixture
def web_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebShop]:
    monkeypatch.setattr(writability, "REMEMBERED_S", 0)
    with a_shop(tmp_path) as shop:
        shop.storehouse.start()
        yield shop


def of_writing(client: FlaskClient) -> list[str]:
    document = client.get("/readyz").get_json()
    return [each for each in document["behind"] if "cannot be written to" in each]


def test_with_a_full_disk_it_is_not_ready_until_there_is_room(
    web_shop: WebShop,
) -> None:
    client = web_shop.client
    assert client.post("/products", json=a_product(sku="BEFORE")).status_code == 201
    assert of_writing(client) == []

    with files_that_cannot_grow_beyond(4096):
        answer = client.post("/products", json=a_product(sku="MEANWHILE"))
        problem(answer, 503, "unavailable")
        problem(client.get("/readyz"), 503, "not-ready")
        catalog, inventory, *_ = of_writing(client)

    assert catalog.startswith("catalog-commands: its database cannot be written to: ")
    assert inventory.startswith("inventory: its database cannot be written to: ")
    assert of_writing(client) == []
    assert client.post("/products", json=a_product(sku="AFTER")).status_code == 201
    recorded = [event["key"] for event in client.get("/events/catalog").get_json(True)]
    assert recorded == ["BEFORE", "AFTER"]


def test_the_write_check_leaves_no_rows(shop: Shop, workers: Workers) -> None:
    rows = "SELECT count(*) FROM subscription_cursors"

    assert a_client(shop, workers).get("/readyz").status_code == 200

    with shop.source.reading() as connection:
        assert connection.exec_driver_sql(rows).scalar_one() == 0


def test_the_write_check_runs_at_most_once_a_second(shop: Shop) -> None:
    found = Writability(shop.source)
    with shop.source.reading() as connection:
        before = shop.source.version(connection)
        assert found.refusal() is None
        after = shop.source.version(connection)

        for _ in range(50):
            assert found.refusal() is None

        assert before != after
        assert shop.source.version(connection) == after


@pytest.mark.server
def test_a_full_disk_is_found_though_old_pages_have_room(schemas: Schemas) -> None:
    """PostgreSQL has to create a file in a folder that does not exist any more."""
    server, place = schemas.server, schemas.server.folder / "full"
    place.mkdir()
    shutil.chown(place, server.folder.owner(), server.folder.group())
    server.execute("postgres", f"CREATE TABLESPACE full_disk LOCATION '{place}'")
    server.execute(
        "postgres",
        f'ALTER DATABASE "{schemas.database}" SET temp_tablespaces = full_disk',
    )
    with closing(Database(schemas.url("catalog"))) as database:
        assert Writability(database).refusal() is None
        shutil.rmtree(place)
        refusal = Writability(database).refusal()

    assert refusal is not None
    assert "No such file or directory" in refusal


@pytest.mark.server
def test_a_role_without_temporary_tables_may_still_write(
    schemas: Schemas,
) -> None:
    server, name = schemas.server, schemas.database
    server.execute("postgres", f'REVOKE TEMPORARY ON DATABASE "{name}" FROM PUBLIC')
    server.execute(name, "CREATE ROLE clerk LOGIN")
    server.execute(name, "GRANT USAGE ON SCHEMA catalog TO clerk")
    server.execute(name, "GRANT ALL ON ALL TABLES IN SCHEMA catalog TO clerk")
    url = schemas.url("catalog").replace("postgres@", "clerk@")
    with closing(Database(url)) as database:
        assert Writability(database).refusal() is None
    server.execute(name, "DROP OWNED BY clerk")
    server.execute(name, "DROP ROLE clerk")
