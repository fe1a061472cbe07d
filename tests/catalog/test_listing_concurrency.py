"""Two concurrent transactions write both halves of a listing row without loss."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.engine import Connection

from catalog.read_model import listing_queries
from catalog.read_model.listing_projector import AvailabilityChanged, ListingProjector
from catalog.read_model.product_listing import ListingTable, product_listing
from shared_kernel.buses.envelope import Envelope
from shared_kernel.storage.database import Database
from tests.cluster import wait_until
from tests.databases import Schemas

pytestmark = pytest.mark.server

INSERTED = Envelope(
    1,
    "id-1",
    "catalog",
    "product.inserted",
    "LAMP-1",
    1,
    None,
    b'{"sku":"LAMP-1","name":"Lamp","status":"listed","version":1}',
)
Half = Callable[[ListingProjector, Connection], None]
IN_STOCK = AvailabilityChanged("LAMP-1", "in_stock", 2)


@pytest.fixture
def database(schemas: Schemas) -> Iterator[Database]:
    database = Database(schemas.url("catalog_read"))
    yield database
    database.close()


def of_products(projector: ListingProjector, connection: Connection) -> None:
    projector.products([INSERTED], connection)


def of_stock(projector: ListingProjector, connection: Connection) -> None:
    projector.availability([IN_STOCK], connection)


@pytest.mark.parametrize(
    ("first", "second"), [(of_products, of_stock), (of_stock, of_products)]
)
def test_the_second_transaction_sees_what_the_first_one_wrote(
    database: Database,
    schemas: Schemas,
    first: Half,
    second: Half,
) -> None:
    projector = ListingProjector(ListingTable(product_listing))

    def write_second() -> None:
        with database.writing() as connection:
            second(projector, connection)

    with ThreadPoolExecutor(1) as threads:
        with database.writing() as connection:
            first(projector, connection)
            waiting = threads.submit(write_second)
            wait_until(
                lambda: waiting.done() or somebody_waits(schemas), "the second one"
            )
            # Readers do not wait.
            with database.reading() as reading:
                assert listing_queries.one(reading, "LAMP-1") is None
        waiting.result(10)

    with database.reading() as reading:
        found = listing_queries.one(reading, "LAMP-1")
    assert found is not None
    shown = json.loads(found.body)
    assert (shown["name"], shown["availability"]) == ("Lamp", "in_stock")


def somebody_waits(schemas: Schemas) -> bool:
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    ((count,),) = schemas.server.execute(schemas.database, waiting)
    return bool(count)
