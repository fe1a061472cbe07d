"""Search finds what a shopper means: in any case, without accents, word by word."""

from collections.abc import Iterator

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.adapters.listing_text_index import LEAST, ListingTextIndex
from catalog.read_model import listing_queries, listing_search
from catalog.read_model.listing_projector import ListingProjector, ProductShown
from catalog.read_model.product_listing import (
    Listing,
    ListingTable,
    product_listing,
    sought_of,
)
from catalog.read_model.search_text import search_text, trigrams_of, words_of
from shared_kernel.buses.envelope import Envelope
from shared_kernel.storage.database import Database
from tests.databases import Databases, FileTemplates
from tests.shared_kernel.events.builders import ManualClock

NAMES = [
    "Cafe\u0301 table",
    "Café chair",
    "CAFE LAMP",
    "İstanbul lamp",
    "Straße sign",
    "Ærø øl",
    "灯 lamp",
    "がらす",
    "50%_off \\ lamp",
]


@pytest.fixture
def database(databases: Databases) -> Iterator[Database]:
    database = Database(databases.url("catalog_read"))
    put(database, NAMES)
    yield database
    database.close()


def put(database: Database, names: list[str], first: int = 1) -> None:
    listings = [
        Listing(
            code=f"SKU-{place}",
            registered=place,
            name=name,
            status="listed",
            version=1,
        )
        for place, name in enumerate(names, start=first)
    ]
    with database.writing() as connection:
        ListingTable(product_listing).put(connection, listings)


def an_envelope(position: int, inserted: ProductShown) -> Envelope:
    return Envelope(
        position=position,
        id=str(position),
        source="catalog",
        type="product.inserted",
        key=inserted.sku,
        time_us=1,
        traceparent=None,
        data=msgspec.json.encode(inserted),
    )


def index_all(database: Database) -> None:
    clock = ManualClock()
    index = ListingTextIndex("texts", database, clock)
    while index.step():
        clock.advance(1)


def found(database: Database, sought: str, limit: int = 100) -> list[int]:
    """The places of all pages."""
    places: list[int] = []
    after: int | None = 0
    while after is not None:
        with database.reading() as connection:
            words = words_of(sought)
            page = listing_search.find(connection, after, limit, None, words)
        places += [place for _, place in page.rows]
        after = page.next_after
    return places


@pytest.mark.parametrize(
    ("sought", "places"),
    [
        ("café", [1, 2, 3]),
        ("cafe\u0301", [1, 2, 3]),
        ("CAFE", [1, 2, 3]),
        ("chair cafe", [2]),
        ("table  CAFÉ", [1]),
        ("istanbul", [4]),
        ("İSTANBUL", [4]),
        ("ıstanbul", [4]),
        ("STRASSE", [5]),
        ("ærø", [6]),
        ("aero ol", [6]),
        ("灯", [7]),
        ("か", [8]),
        ("%_", [9]),
        ("50 \\", [9]),
        ("0%_", [9]),
        ("u-4", [4]),
        ("la", [3, 4, 7, 9]),
        ("amp", [3, 4, 7, 9]),
        ("sku-4", [4]),
        ("copper", []),
        ("zq", []),
    ],
)
def test_words_are_found_in_any_form_and_order(
    database: Database, sought: str, places: list[int]
) -> None:
    assert found(database, sought) == places
    assert found(database, sought, limit=1) == places


@pytest.fixture
def file(file_templates: FileTemplates, tmp_path: object) -> Iterator[Database]:
    database = Database(file_templates.new(tmp_path).url("catalog_read"))  # type: ignore[arg-type]
    yield database
    database.close()


def many(file: Database) -> None:
    put(file, [f"lamp {'brass' if n % 100 == 7 else 'steel'}" for n in range(600)])


def test_new_products_are_found_before_and_after_they_are_indexed(
    file: Database,
) -> None:
    many(file)
    before = found(file, "brass")
    index_all(file)
    put(file, ["lamp brass", "lamp steel"], first=601)

    assert before == [8, 108, 208, 308, 408, 508]
    assert found(file, "brass") == [*before, 601]
    assert found(file, "brass", limit=3) == [*before, 601]
    assert found(file, "brass", limit=6) == [*before, 601]


def test_the_index_follows_what_changes(file: Database) -> None:
    many(file)
    index_all(file)
    put(file, ["lamp copper"], first=8)
    with file.writing() as connection:
        gone = product_listing.c.code == "SKU-108"
        connection.execute(sa.update(product_listing).where(gone).values(place=None))
        deleted = product_listing.c.code == "SKU-208"
        connection.execute(sa.delete(product_listing).where(deleted))

    assert found(file, "brass") == [308, 408, 508]
    assert found(file, "copper") == [8]
    with file.writing() as connection:
        connection.execute(sa.update(product_listing).where(gone).values(place=108))
        connection.exec_driver_sql(
            "INSERT INTO product_search (product_search) VALUES ('integrity-check')"
        )
    assert found(file, "brass") == [108, 308, 408, 508]


def test_a_late_product_is_added_to_what_is_indexed(file: Database) -> None:
    put(file, ["lamp steel"] * 300)
    put(file, ["lamp steel"] * 300, first=302)
    index_all(file)
    before = found(file, "brass")
    inserted = ProductShown(sku="LATE", name="lamp brass", status="listed", version=1)
    late = an_envelope(301, inserted)

    with file.writing() as connection:
        ListingProjector(ListingTable(product_listing)).products([late], connection)

    assert (before, found(file, "brass")) == ([], [301])
    with file.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO product_search (product_search) VALUES ('integrity-check')"
        )


def test_few_new_texts_are_left_to_the_queries(file: Database) -> None:
    clock = ManualClock()
    index = ListingTextIndex("texts", file, clock)
    put(file, ["lamp"] * LEAST)
    assert index.step() == 0
    put(file, ["lamp"], first=LEAST + 1)
    assert index.step() == 0
    clock.advance(1)

    assert index.step() == LEAST + 1
    clock.advance(1)
    assert index.step() == 0


def test_the_index_takes_small_steps_while_the_listing_grows(file: Database) -> None:
    clock = ManualClock()
    index = ListingTextIndex("texts", file, clock)
    put(file, ["lamp"] * 2500)

    assert index.step() == 1000
    assert index.step() == 0
    clock.advance(1)
    assert index.step() == 1500


@pytest.mark.parametrize("sought", ["br", "brass"])
@pytest.mark.parametrize("availability", [None, "unknown"])
def test_a_page_is_full_if_enough_products_follow(
    file: Database,
    monkeypatch: pytest.MonkeyPatch,
    sought: str,
    availability: str | None,
) -> None:
    many(file)
    monkeypatch.setattr(listing_search, "MOST_LOOKED_AT", 60)

    with file.reading() as connection:
        full, last = (
            listing_search.find(connection, 8, limit, availability, [sought])
            for limit in (3, 10)
        )

    assert ([place for _, place in full.rows], full.next_after) == (
        [108, 208, 308],
        308,
    )
    assert ([place for _, place in last.rows], last.next_after) == (
        [108, 208, 308, 408, 508],
        None,
    )


@pytest.mark.parametrize("sought", ["br", "brass"])
def test_a_page_looks_at_no_more_products_than_it_may(
    file: Database, monkeypatch: pytest.MonkeyPatch, sought: str
) -> None:
    many(file)
    monkeypatch.setattr(listing_search, "MOST_LOOKED_AT", 25)
    monkeypatch.setattr(listing_search, "MOST_LOOKS", 2)

    with file.reading() as connection:
        page = listing_queries.page(connection, 8, 10, None, sought)

    assert (page.body, page.next_after) == (b"[]", 58)
    assert found(file, sought) == [8, 108, 208, 308, 408, 508]


@pytest.mark.parametrize(
    ("asked", "there_is"),
    [
        ("ÄPFEL-1", "äpfel-1"),
        ("ＡPFEL-1", "apfel-1"),
        ("äpfel-12", None),
        ("äpfel-", None),
        ("pfel-1", None),
        ("BB-100", "bb-100"),
        ("?", None),
    ],
)
def test_a_listed_product_of_the_same_sku_but_for_case_is_found(
    database: Database, asked: str, there_is: str | None
) -> None:
    codes = ["apfel-1", "äpfel-1", "äpfel-10", "ääpfel-1", "bb-100", "!"]
    listings = [
        Listing(code, registered=place, name="Äpfel-12", status="listed", version=1)
        for place, code in enumerate(codes, start=100)
    ]
    with database.writing() as connection:
        ListingTable(product_listing).put(connection, listings)

    with database.reading() as connection:
        assert listing_queries.same_code(connection, asked) == there_is


@pytest.mark.parametrize(
    ("word", "trigrams"),
    [
        ("abc", ["abc"]),
        ("abcd", ["abc", "bcd"]),
        ("abcdef", ["abc", "def"]),
        ("abcdefg", ["abc", "def", "efg"]),
        ("aaaaaaa", ["aaa"]),
    ],
)
def test_the_index_is_asked_for_as_few_trigrams_as_cover_a_word(
    word: str, trigrams: list[str]
) -> None:
    assert trigrams_of(word) == trigrams


TEXTS = st.text(st.sampled_from("aAbBéÉe\u0301 ıİß-灯%_"), min_size=1, max_size=8)


@given(names=st.lists(TEXTS, min_size=1, max_size=8), sought=TEXTS)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_search_finds_exactly_the_texts_that_have_all_words(
    file: Database, names: list[str], sought: str
) -> None:
    with file.writing() as connection:
        connection.execute(sa.delete(product_listing))
    put(file, names)
    words = search_text(sought).split()
    expected = [
        place
        for place, name in enumerate(names, start=1)
        if all(word in sought_of(f"SKU-{place}", name) for word in words)
    ]

    if words:
        assert found(file, sought) == expected
