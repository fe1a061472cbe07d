"""Statements sent to PostgreSQL without waiting, and their errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from tempfile import TemporaryFile
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from catalog.application import commands as catalog
from catalog.application import handlers as catalog_handlers
from catalog.domain.value_objects import OpeningStock, ProductName
from inventory.application import commands as inventory
from inventory.application import handlers as inventory_handlers
from inventory.domain.value_objects import Quantity
from shared_kernel.clock import system_clock
from shared_kernel.domain.sku import Sku
from shared_kernel.runtime.running import RunningServices
from shared_kernel.serving.application import web_application
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import ConcurrentUpdateError
from shared_kernel.storage.prepared import Prepared
from tests.databases import Databases, Schemas
from tests.storehouses import a_storehouse
from tests.web_clients import a_product

_things = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text),
)
ADD = Prepared(sa.insert(_things))
RENAME = Prepared(
    sa.update(_things)
    .where(_things.c.number == sa.bindparam("which"))
    .values(name=sa.bindparam("to"))
)
ALL = Prepared(sa.select(_things.c.number).order_by(_things.c.number))

Row = dict[str, object]


@pytest.fixture
def database(databases: Databases) -> Iterator[Database]:
    database = Database(databases.url("catalog"))
    with database.writing() as connection:
        _things.metadata.create_all(connection)
    yield database
    database.close()


def things(connection: Connection) -> list[int]:
    return [number for (number,) in ALL.rows(connection, {})]


def stored(database: Database) -> list[int]:
    with database.reading() as connection:
        return things(connection)


def new(*numbers: int) -> list[Row]:
    return [{"number": number, "name": None} for number in numbers]


def renamed(*numbers: int) -> list[Row]:
    return [{"which": number, "to": "x"} for number in numbers]


def test_checked_writes_are_visible_to_the_next_query(
    database: Database,
) -> None:
    with database.writing() as connection:
        ADD.write_checked(connection, new(1))
        ADD.write_checked(connection, new(2, 3))
        ADD.write_checked(connection, [])
        RENAME.write_checked(connection, renamed(1, 3))

        assert things(connection) == [1, 2, 3]

    assert stored(database) == [1, 2, 3]


@pytest.mark.parametrize("ask", [False, True], ids=["no question", "a question"])
@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        (ADD, new(1)),
        (ADD, new(2, 1)),
        (RENAME, renamed(9)),
        (RENAME, renamed(1, 9)),
    ],
    ids=["one is there", "one of two is there", "one is not", "one of two is not"],
)
def test_if_another_transaction_was_faster_nothing_is_done(
    database: Database, statement: Prepared, rows: list[Row], ask: bool
) -> None:
    with database.writing() as connection:
        ADD.write_all(connection, new(1))

    def try_it() -> None:
        with database.writing() as connection:
            ADD.write_checked(connection, new(3))
            statement.write_checked(connection, rows)
            if ask:
                things(connection)

    with pytest.raises(ConcurrentUpdateError, match="in between"):
        try_it()

    assert stored(database) == [1]
    with database.writing() as connection:
        ADD.write_checked(connection, new(4))
    assert stored(database) == [1, 4]


def test_sqlalchemys_own_statements_see_earlier_writes(
    database: Database,
) -> None:
    with database.writing() as connection:
        ADD.write_checked(connection, new(1))
        assert list(connection.execute(sa.select(_things.c.number))) == [(1,)]
        ADD.write_checked(connection, new(2))
        assert RENAME.write(connection, {"which": 2, "to": "x"}) == 1

    assert stored(database) == [1, 2]


def test_sqlalchemys_own_statements_raise_errors_of_earlier_writes(
    database: Database,
) -> None:
    with database.writing() as connection:
        ADD.write_all(connection, new(1))

    def try_it() -> None:
        with database.writing() as connection:
            ADD.write_checked(connection, new(1))
            connection.execute(sa.select(_things.c.number))

    with pytest.raises(ConcurrentUpdateError):
        try_it()

    assert stored(database) == [1]


def test_a_failed_write_without_a_wait_is_raised_by_the_commit(
    database: Database,
) -> None:
    def try_it() -> None:
        with database.writing() as connection:
            ADD.send(connection, new(1, 2))
            ADD.send(connection, new(2))

    with pytest.raises(IntegrityError, match=r"(?i)unique"):
        try_it()

    assert stored(database) == []
    with database.writing() as connection:
        ADD.send(connection, new(1, 2))
    assert stored(database) == [1, 2]


@contextmanager
def round_trips(database: Database) -> Iterator[list[int]]:
    """How often the next connection of the pool waits for the server."""
    with database.reading() as connection:
        server: Any = connection.connection.driver_connection
    counted: list[int] = []
    with TemporaryFile("w+") as trace:
        server.pgconn.trace(trace.fileno())
        yield counted
        server.pgconn.untrace()
        trace.seek(0)
        # One line per message: F to the server, B from it.
        directions = [line.split("\t")[1] for line in trace if "\t" in line]
    turns = pairwise(directions)
    counted.append(sum(turn == ("F", "B") for turn in turns))


@pytest.fixture
def storehouse(schemas: Schemas) -> Iterator[RunningServices]:
    with a_storehouse(schemas) as storehouse:
        yield storehouse


def register(storehouse: RunningServices, number: int) -> None:
    storehouse.context("catalog").writer.execute(
        catalog_handlers.register_product,
        catalog.RegisterProduct(
            sku=Sku(f"LAMP-{number}"),
            name=ProductName("Lamp"),
            opening_stock=OpeningStock(5),
        ),
    )


def receive(storehouse: RunningServices) -> None:
    storehouse.context("inventory").writer.execute(
        inventory_handlers.receive_stock,
        inventory.ReceiveStock(
            sku=Sku("LAMP-0"), quantity=Quantity(1), at=system_clock()
        ),
    )


@pytest.mark.server
def test_a_command_takes_four_round_trips(storehouse: RunningServices) -> None:
    """Read; write rows and events; commit; give positions."""
    # So the statements are prepared.
    for number in range(8):
        register(storehouse, number)
    storehouse.workers.run_until_idle()
    for _ in range(8):
        receive(storehouse)

    with round_trips(storehouse.context("catalog").databases[0]) as registering:
        register(storehouse, 8)
    with round_trips(storehouse.context("inventory").databases[0]) as receiving:
        receive(storehouse)

    assert (registering, receiving) == ([4], [4])


@pytest.mark.server
def test_an_idempotency_key_takes_one_more(storehouse: RunningServices) -> None:
    client = web_application(storehouse).test_client()

    def post(number: int) -> None:
        body, key = a_product(sku=f"LAMP-{number}"), f"key-{number}"
        answer = client.post("/products", json=body, headers={"Idempotency-Key": key})
        assert answer.status_code == 201

    for number in range(8):
        post(number)

    with round_trips(storehouse.context("catalog").databases[0]) as posting:
        post(8)

    assert posting == [5]


@pytest.mark.server
def test_a_batch_of_the_listing_takes_four_round_trips(
    storehouse: RunningServices,
) -> None:
    """Move the cursor; ask for dead letters; read rows; write them and commit."""
    of_products = storehouse.service("catalog-queries").subscriptions[0]
    for number in range(8):
        register(storehouse, number)
        storehouse.workers.run_until_idle()
    for number in (8, 9):
        register(storehouse, number)
    storehouse.context("catalog").relay.step()

    with round_trips(storehouse.service("catalog-queries").databases[0]) as projecting:
        assert of_products.step() == 2

    assert projecting == [4]
