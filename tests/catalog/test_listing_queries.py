"""No query of the listing reads all of it, whatever its size."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from catalog.adapters.listing_text_index import ListingTextIndex
from catalog.read_model import listing_queries
from catalog.read_model.listing_queries import Counted, counts, newest, page
from catalog.read_model.product_listing import product_listing
from shared_kernel.storage.database import Database
from tests.databases import Databases, FileTemplates, Schemas
from tests.shared_kernel.events.builders import ManualClock

pytestmark = pytest.mark.slow

PRODUCTS = 20_000
FEW = 300
"""Rows that a query may read: those it returns, and some pages of the index."""
ENOUGH = 12
"""Executions after which PostgreSQL would otherwise keep one plan."""

_LOOKED_AT = sa.text(
    "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables"
    " WHERE relname = 'product_listing'"
)


def row(number: int) -> dict[str, object]:
    """All are lamps; one in a thousand is low, another one in a thousand brass."""
    code = f"SKU-{number:05}"
    material = "brass" if number % 1000 == 500 else "steel"
    return {
        "code": code,
        "registered": number,
        "place": number,
        "availability": "low" if number % 1000 == 999 else "in_stock",
        "last_updated_us": 1,
        "version": 1,
        "sought": f"{code}\n{material} lamp".casefold(),
        "body": b"%d" % number,
    }


@contextmanager
def many_products(databases: Databases) -> Iterator[Database]:
    database = Database(databases.url("catalog_read"))
    with database.writing() as connection:
        rows = [row(number) for number in range(1, PRODUCTS + 1)]
        connection.execute(sa.insert(product_listing), rows)
    if database.one_writer:
        fill_index_of_texts(database)
    with database.reading() as connection:
        # As autovacuum does before long: then the text index contains the new rows.
        vacuum = "" if database.one_writer else "VACUUM"
        connection.exec_driver_sql(f"{vacuum} ANALYZE product_listing")
    yield database
    database.close()


def fill_index_of_texts(database: Database) -> None:
    clock = ManualClock()
    index = ListingTextIndex("texts", database, clock)
    while index.step():
        clock.advance(1)


@pytest.fixture
def database(databases: Databases) -> Iterator[Database]:
    with many_products(databases) as database:
        yield database


def numbers(body: bytes) -> list[int]:
    return [int(each) for each in body.strip(b"[]").split(b",") if each]


BRASS = list(range(500, PRODUCTS, 1000))
LOW = list(range(999, PRODUCTS, 1000))


def test_rare_and_frequent_products_are_found(database: Database) -> None:
    with database.reading() as connection:
        brass = page(connection, 0, 100, sought="Brass")
        low = page(connection, 0, 100, availability="low")
        low_lamps = page(connection, 5000, 2, availability="low", sought="lamp")
        lamps = page(connection, 100, 3, sought="lamp")

    assert numbers(brass.body) == BRASS
    assert numbers(low.body) == LOW
    assert (numbers(low_lamps.body), low_lamps.next_after) == ([5999, 6999], 6999)
    assert (numbers(lamps.body), lamps.next_after) == ([101, 102, 103], 103)


def test_each_availability_is_counted_up_to_a_limit(
    database: Database,
) -> None:
    with database.reading() as connection:
        found = counts(connection)

    assert found == {
        "in_stock": Counted(10_000, more=True),
        "low": Counted(20, more=False),
    }


@pytest.mark.parametrize(("most", "more"), [(19, True), (20, False), (21, False)])
def test_a_count_says_whether_there_are_more(
    database: Database, monkeypatch: pytest.MonkeyPatch, most: int, more: bool
) -> None:
    monkeypatch.setattr(listing_queries, "MOST_COUNTED", most)

    with database.reading() as connection:
        assert counts(connection)["low"] == Counted(min(most, 20), more)


def test_unlisted_products_are_not_counted(database: Database) -> None:
    with database.writing() as connection:
        low = product_listing.c.availability == "low"
        connection.execute(sa.update(product_listing).where(low).values(place=None))

    with database.reading() as connection:
        assert list(counts(connection)) == ["in_stock"]


QUESTIONS: dict[str, Callable[[Connection], object]] = {
    "a page": lambda asked: page(asked, PRODUCTS // 2, 20),
    "the newest": lambda asked: newest(asked, 20),
    "a rare availability": lambda asked: page(asked, 0, 20, "low"),
    "a frequent availability": lambda asked: page(asked, 0, 20, "in_stock"),
    "an availability that nothing has": lambda asked: page(asked, 0, 20, "retired"),
    "a rare text": lambda asked: page(asked, 0, 20, None, "brass"),
    "a frequent text": lambda asked: page(asked, 0, 20, None, "lamp"),
    "a text that stands nowhere": lambda asked: page(asked, 0, 20, None, "copper"),
    "a SKU": lambda asked: page(asked, 0, 20, None, "sku-12345"),
    "a frequent text, rarely available": lambda asked: page(
        asked, 0, 20, "low", "lamp"
    ),
    "a rare text, widely available": lambda asked: page(
        asked, 0, 20, "in_stock", "brass"
    ),
}


def looked_at(connection: Connection, ask: Callable[[Connection], object]) -> int:
    """How many rows PostgreSQL reads for a query."""
    before = connection.execute(_LOOKED_AT).scalar_one()
    ask(connection)
    return int(connection.execute(_LOOKED_AT).scalar_one() - before)


@pytest.mark.server
def test_postgresql_reads_few_rows_whatever_was_queried_before(
    schemas: Schemas,
) -> None:
    with many_products(schemas) as database, database.writing() as connection:
        for ask in [*QUESTIONS.values()] * ENOUGH:
            ask(connection)

        most = {what: looked_at(connection, ask) for what, ask in QUESTIONS.items()}

    assert {what: rows for what, rows in most.items() if rows > FEW} == {}


@pytest.mark.server
def test_postgresql_counts_by_an_index(schemas: Schemas) -> None:
    with many_products(schemas) as database, database.writing() as connection:
        for _ in range(ENOUGH):
            counts(connection)

        assert looked_at(connection, counts) <= listing_queries.MOST_COUNTED + FEW


@pytest.mark.parametrize("what", [*QUESTIONS, "how many"])
def test_sqlite_finds_everything_by_an_index(
    file_templates: FileTemplates, tmp_path: Path, what: str
) -> None:
    ask = (QUESTIONS | {"how many": counts})[what]
    database = Database(file_templates.new(tmp_path).url("catalog_read"))
    asked: list[str] = []

    with database.reading() as connection:
        driver = connection.connection.driver_connection
        assert driver
        driver.set_trace_callback(asked.append)
        ask(connection)
        driver.set_trace_callback(None)
        # What FTS5 itself asks of its own tables is a comment.
        plans = [
            connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
            for statement in asked
            if not statement.startswith("--")
        ]
        steps = [step for plan in plans for *_, step in plan]
    database.close()

    assert [step for step in steps if "SEARCH product_listing" in step]
    assert [step for step in steps if "SCAN product_listing" in step] == []
