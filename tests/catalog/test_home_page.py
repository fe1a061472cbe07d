"""The home page, of a storehouse with products and of an empty one."""

from collections.abc import Iterator
from typing import Any

import pytest

from catalog.adapters.home import IN_WORDS, NEWEST, formatted, in_all
from catalog.read_model import listing_queries
from catalog.read_model.listing_queries import Counted
from catalog.read_model.product_listing import AVAILABILITIES
from shared_kernel.runtime.running import RunningServices
from shared_kernel.serving.application import web_application
from tests.databases import Databases
from tests.storehouses import a_storehouse
from tests.web_pages import Element, parsed

pytestmark = pytest.mark.proof_on("postgresql")


@pytest.fixture
def storehouse(databases: Databases) -> Iterator[RunningServices]:
    with a_storehouse(databases) as opened:
        yield opened


def register(storehouse: RunningServices, *products: dict[str, Any]) -> None:
    client = web_application(storehouse).test_client()
    for number, product in enumerate(products):
        body = {"name": "Desk lamp", "sku": f"LAMP-{number}", "stock_count": 5}
        assert client.post("/products", json=body | product).status_code == 201
    storehouse.workers.run_until_idle()


def home(storehouse: RunningServices) -> Element:
    return parsed(web_application(storehouse).test_client().get("/").text)


def products_on(page: Element) -> list[list[str]]:
    (table,) = page.all("table")
    rows = [[cell.text for cell in row.all("td")] for row in table.all("tr")]
    return [row for row in rows if row]


def test_products_are_shown_with_price_and_availability_newest_first(
    storehouse: RunningServices,
) -> None:
    register(
        storehouse,
        {"price": {"minor_units": 1999, "currency": "EUR"}},
        {"name": "Oil lamp", "stock_count": 0},
    )

    assert products_on(home(storehouse)) == [
        ["Oil lamp LAMP-1", "", "out of stock"],
        ["Desk lamp LAMP-0", "19.99 EUR", "in stock"],
    ]


def test_a_name_of_others_is_isolated_and_its_link_encoded(
    storehouse: RunningServices,
) -> None:
    register(storehouse, {"name": "מנורה", "sku": "AB/12 #7"})

    (row,) = home(storehouse).all("table")[0].all("tr")[1:]

    (link,) = row.all("a")
    assert link.attributes["href"] == "/products/AB%2F12%20%237"
    assert [each.text for each in row.all("bdi")] == ["מנורה", "AB/12 #7"]
    client = web_application(storehouse).test_client()
    assert client.get(link.attributes["href"]).get_json()["name"] == "מנורה"


def test_availability_is_not_yet_known_before_inventory_publishes_it(
    storehouse: RunningServices,
) -> None:
    client = web_application(storehouse).test_client()
    client.post("/products", json={"name": "Lamp", "sku": "L-1", "stock_count": 5})
    storehouse.context("catalog").relay.step()
    storehouse.service("catalog-queries").subscriptions[0].step()

    assert products_on(home(storehouse)) == [["Lamp L-1", "", "not yet known"]]


def test_counts_of_products_and_events_are_shown(
    storehouse: RunningServices,
) -> None:
    register(storehouse, {}, {"stock_count": 0}, {"stock_count": 0})

    (counts,) = home(storehouse).all("ul", class_="counts")

    assert [each.text for each in counts.all("li")] == [
        "3 on sale",
        "1 in stock",
        "2 out of stock",
        "3 catalog events",
        "3 inventory events",
    ]


def test_counts_above_the_limit_are_shown_with_a_plus(
    storehouse: RunningServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing_queries, "MOST_COUNTED", 2)
    register(storehouse, {}, {}, {}, {"stock_count": 0}, {"stock_count": 0})

    (counts,) = home(storehouse).all("ul", class_="counts")

    assert [each.text for each in counts.all("li")][:3] == [
        "4+ on sale",
        "2+ in stock",
        "2 out of stock",
    ]


def test_numbers_are_shown_with_their_thousands() -> None:
    many, few = Counted(10_000, more=True), Counted(1_234, more=False)

    assert in_all([many]) == "10,000+"
    assert in_all([few]) == "1,234"
    assert in_all([many, few]) == "11,234+"
    assert in_all([]) == "0"


def test_there_are_words_for_each_availability() -> None:
    assert tuple(IN_WORDS) == AVAILABILITIES


def test_only_the_newest_products_are_shown(storehouse: RunningServices) -> None:
    register(storehouse, *({} for _ in range(NEWEST + 3)))

    shown = products_on(home(storehouse))

    assert len(shown) == NEWEST
    assert shown[0][0] == f"Desk lamp LAMP-{NEWEST + 2}"


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        'Chairmat, 36" x 48", <b>&amp;',
        "“Café” lamp's",
        "Desk\u00a0lamp",
        "{{ 7 * 7 }}",
    ],
)
def test_a_name_is_shown_as_it_is_written(
    storehouse: RunningServices, name: str
) -> None:
    register(storehouse, {"name": name})

    page = home(storehouse)

    assert products_on(page)[0][0] == f"{name} LAMP-0"
    assert page.all("script") == page.all("b") == []


def test_a_product_links_to_its_listing(storehouse: RunningServices) -> None:
    register(storehouse, {"sku": "A.b_c~d-1"})

    assert "/products/A.b_c~d-1" in home(storehouse).every("href")


def test_an_empty_store_shows_how_to_fill_it(storehouse: RunningServices) -> None:
    page = home(storehouse)

    assert page.all("table") == []
    assert "make demo" in [code.text for code in page.all("code")]
    assert page.all("pre")[0].text.startswith("curl http://localhost/products")


@pytest.mark.parametrize(
    ("minor_units", "currency", "shown"),
    [
        (1999, "EUR", "19.99 EUR"),
        (5, "USD", "0.05 USD"),
        (0, "GBP", "0.00 GBP"),
        (500, "JPY", "500 JPY"),
        (1234567, "KRW", "1,234,567 KRW"),
        (123456, "KWD", "123.456 KWD"),
        (7, "TND", "0.007 TND"),
        (10**12, "EUR", "10,000,000,000.00 EUR"),
    ],
)
def test_a_price_has_the_digits_of_its_currency(
    minor_units: int, currency: str, shown: str
) -> None:
    assert formatted({"minor_units": minor_units, "currency": currency}) == shown
