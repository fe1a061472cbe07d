"""An upgrade refuses SKUs that differ only in case, by name."""

from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlalchemy as sa

from shared_kernel.migrations.migrate import Schema
from shared_kernel.storage.errors import StorageUnavailableError
from tests.databases import Databases
from tests.shared_kernel.migrations.histories import CATALOG, upgrade_to

PRODUCTS = sa.table(
    "products",
    *map(sa.column, ("sku", "name", "status", "version", "folded_sku")),
)


@pytest.fixture
def schema(databases: Databases) -> Iterator[Schema]:
    before = CATALOG.schema(databases)
    upgrade_to(before, "0006")
    with closing(before.database):
        yield before


def register(schema: Schema, *skus: str) -> None:
    rows = [{"sku": sku, "name": sku, "status": "listed", "version": 1} for sku in skus]
    with schema.database.maintaining() as connection:
        connection.execute(sa.insert(PRODUCTS), rows)


def test_skus_that_differ_only_in_case_stop_the_upgrade(schema: Schema) -> None:
    register(schema, "abc-1", "LAMP-1", "ABC-1", "Abc-1", "x~1", "X~1")

    with pytest.raises(StorageUnavailableError) as stopped:
        schema.upgrade()

    assert ": ABC-1 and Abc-1 and abc-1; X~1 and x~1. With " in str(stopped.value)
    assert schema.state().revision == "0006"


def test_a_word_of_our_urls_stops_the_upgrade(schema: Schema) -> None:
    register(schema, "imports", "IMPORTS-1")

    with pytest.raises(StorageUnavailableError, match=r"URLs: imports\. With"):
        schema.upgrade()


def test_once_mended_the_upgrade_goes_on(schema: Schema) -> None:
    register(schema, "abc-1", "ABC-1", "Lamp-1")
    with pytest.raises(StorageUnavailableError):
        schema.upgrade()
    with schema.database.maintaining() as connection:
        connection.execute(sa.delete(PRODUCTS).where(PRODUCTS.c.sku == "ABC-1"))

    assert schema.upgrade()

    with schema.database.maintaining() as connection:
        rows = connection.execute(sa.select(PRODUCTS.c.sku, PRODUCTS.c.folded_sku))
        assert sorted(map(tuple, rows)) == [("Lamp-1", "lamp-1"), ("abc-1", "abc-1")]
