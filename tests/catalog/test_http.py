"""The catalog over HTTP: every route, its responses and its refusals."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from werkzeug.test import TestResponse

from shared_kernel.storage.prepared import Prepared
from tests.databases import Databases
from tests.web_clients import Shop, a_product, a_shop, faults, problem

pytestmark = pytest.mark.proof_on("postgresql")

LISTED_FIELDS = [
    "name",
    "code",
    "description",
    "price",
    "status",
    "availability",
    "last_updated",
]
EUR = {"minor_units": 1999, "currency": "EUR"}


@pytest.fixture
def shop(databases: Databases) -> Iterator[Shop]:
    with a_shop(databases) as opened:
        yield opened


def codes(shop: Shop, query: str = "") -> list[str]:
    response = shop.client.get(f"/products{query}")
    assert response.status_code == 200, response.text
    return [product["code"] for product in response.get_json()]


def command(
    shop: Shop, method: str, what: str, body: Mapping[str, Any] | None = None
) -> TestResponse:
    path = f"/products/LAMP-1/{what}"
    return shop.client.open(path, method=method, json=body)


def test_a_registration_returns_the_location_of_the_product(shop: Shop) -> None:
    response = shop.client.post("/products", json=a_product())

    assert response.status_code == 201
    assert response.headers["Location"] == "/products/LAMP-1"
    assert response.headers["ETag"] == '"1"'
    assert response.headers["Consistency-Token"] == "catalog:1"
    assert response.data == b'{"sku":"LAMP-1","version":1}'


def test_a_product_is_shown_as_it_was_registered(shop: Shop) -> None:
    shop.register(name=" Lampe à huile\u00a0", description="Warm.\nDim.", price=EUR)

    response = shop.client.get("/products/LAMP-1")

    assert response.headers["ETag"] == '"1"'
    assert list(response.get_json()) == LISTED_FIELDS
    assert response.get_json() == {
        "name": "Lampe à huile",
        "code": "LAMP-1",
        "description": "Warm.\nDim.",
        "price": EUR,
        "status": "listed",
        "availability": "in_stock",
        "last_updated": "2026-03-01T12:00:00Z",
    }


@pytest.mark.parametrize("text", ["null", "true", "5", "[]"])
def test_text_of_any_form_is_kept_unchanged(shop: Shop, text: str) -> None:
    shop.register(name=text, description=text)

    shown = shop.listed()

    assert (shown["name"], shown["description"]) == (text, text)


def test_whole_numbers_may_be_written_with_a_decimal_point(shop: Shop) -> None:
    shop.register(stock_count=5.0, price={"minor_units": 1e3, "currency": "EUR"})

    assert shop.client.get("/stock?id=LAMP-1").get_json() == {"quantity": 5}
    assert shop.listed()["price"]["minor_units"] == 1000


@pytest.mark.parametrize(("more", "as_given"), [({}, True), ({"name": "X"}, False)])
def test_a_sku_is_registered_once(
    shop: Shop, more: dict[str, str], as_given: bool
) -> None:
    shop.register()

    response = shop.client.post("/products", json=a_product(**more))

    document = problem(response, 409, "sku-already-registered")
    assert document["as_given"] is as_given
    assert document["registered_name"] == "Desk lamp"


@pytest.mark.parametrize("prefer", ["respond-sync", "respond-async"])
@pytest.mark.parametrize("sku", ["imports", "LAMP/name", "LAMP/counts/1"])
def test_a_sku_that_its_url_would_not_find_is_refused(
    shop: Shop, sku: str, prefer: str
) -> None:
    """By the words of all contexts' routes."""
    response = shop.client.post(
        "/products", json=a_product(sku=sku), headers={"Prefer": prefer}
    )

    document = problem(response, 422, "invalid-value")
    assert "/sku" in faults(document)
    assert "has a meaning in our URLs" in response.text


def test_each_change_shows_in_the_listing(shop: Shop) -> None:
    shop.register()

    changes = [
        command(shop, "PUT", "name", {"name": "Lamp"}),
        command(shop, "PUT", "description", {"description": "Warm."}),
        command(shop, "PUT", "price", EUR),
    ]

    assert [(each.status_code, each.headers["ETag"]) for each in changes] == [
        (200, '"2"'),
        (200, '"3"'),
        (200, '"4"'),
    ]
    shown = shop.listed()
    assert (shown["name"], shown["description"], shown["price"]) == (
        "Lamp",
        "Warm.",
        EUR,
    )


def test_null_removes_the_description(shop: Shop) -> None:
    shop.register(description="Warm.")

    command(shop, "PUT", "description", {"description": None})

    assert shop.listed()["description"] is None


def test_a_change_without_effect_makes_no_new_version(shop: Shop) -> None:
    shop.register()

    response = command(shop, "PUT", "name", {"name": "Desk lamp"})

    assert response.headers["ETag"] == '"1"'


def test_a_discontinued_product_is_shown_and_not_listed(shop: Shop) -> None:
    shop.register()

    command(shop, "POST", "discontinue")

    assert shop.listed()["status"] == "discontinued"
    assert shop.listed()["availability"] == "retired"
    assert codes(shop) == []


def test_a_discontinued_product_can_only_be_relisted(shop: Shop) -> None:
    shop.register()
    command(shop, "POST", "discontinue")

    for what, body in (
        ("name", {"name": "Lamp"}),
        ("description", {"description": "Warm."}),
        ("price", EUR),
    ):
        problem(command(shop, "PUT", what, body), 409, "product-is-discontinued")
    assert command(shop, "POST", "relist").status_code == 200
    shop.settle()
    assert codes(shop) == ["LAMP-1"]


@pytest.mark.parametrize("sku", ["NO-SUCH", "-no-sku", "%20", "L" * 65])
def test_an_unknown_sku_is_not_found_on_every_route(shop: Shop, sku: str) -> None:
    routes = [
        ("GET", "", None),
        ("PUT", "/name", {"name": "Lamp"}),
        ("PUT", "/description", {"description": "Warm."}),
        ("PUT", "/price", EUR),
        ("POST", "/discontinue", None),
        ("POST", "/relist", None),
    ]
    for method, what, body in routes:
        response = shop.client.open(f"/products/{sku}{what}", method=method, json=body)

        problem(response, 404, "unknown-sku")


def test_following_the_links_shows_the_whole_listing_once(shop: Shop) -> None:
    skus = [f"LAMP-{number}" for number in range(7)]
    for sku in skus:
        shop.register(sku)

    found, path, pages = [], "/products?limit=3", 0
    while path:
        page = shop.client.get(path)
        found += [product["code"] for product in page.get_json()]
        path = page.headers.get("Link", "").partition("<")[2].partition(">")[0]
        pages += 1

    assert (found, pages) == (skus, 3)


def test_a_link_keeps_the_query_parameters(shop: Shop) -> None:
    for number in range(3):
        shop.register(f"LAMP-{number}")

    asked = "/products?limit=1&availability=in_stock&q=desk+l"
    link = shop.client.get(asked).headers["Link"]

    path, _, relation = link.partition(">")
    query = parse_qs(path.partition("?")[2])
    assert relation == '; rel="next"'
    assert query.pop("cursor") != ["0"]
    assert query == {"limit": ["1"], "availability": ["in_stock"], "q": ["desk l"]}


def test_a_product_registered_between_pages_repeats_none(shop: Shop) -> None:
    for number in range(3):
        shop.register(f"LAMP-{number}")
    first = shop.client.get("/products?limit=2")
    shop.register("LAMP-3")

    path = first.headers["Link"].partition("<")[2].partition(">")[0]
    second = shop.client.get(path)

    assert [each["code"] for each in second.get_json()] == ["LAMP-2", "LAMP-3"]


def test_products_are_listed_by_their_skus_in_the_order_asked_for(shop: Shop) -> None:
    for sku in ("LAMP-1", "CHAIR 1/2", "DESK-1"):
        shop.register(sku)
    command(shop, "POST", "discontinue")

    query = "?sku=DESK-1&sku=NO-SUCH&sku=CHAIR+1/2&sku=%00&sku=LAMP-1&sku=DESK-1"

    assert codes(shop, query) == ["DESK-1", "CHAIR 1/2", "LAMP-1"]
    assert codes(shop, "?sku=DESK-1") == ["DESK-1"]
    assert codes(shop, "?sku=NO-SUCH") == []


def test_at_most_a_hundred_skus_are_listed_and_not_filtered(shop: Shop) -> None:
    query = "&".join(f"sku=LAMP-{number}" for number in range(101))

    said = problem(shop.client.get(f"/products?{query}"), 400, "invalid-parameter")
    assert said["errors"] == [
        {"parameter": "sku", "detail": "is given more than 100 times"}
    ]
    said = problem(shop.client.get("/products?sku=A&q=b"), 400, "invalid-parameter")
    assert said["errors"] == [{"parameter": "q", "detail": "cannot go with sku"}]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?q=HUILE", ["OIL-1"]),
        ("?q=oil-", ["OIL-1"]),
        ("?q=%25", []),
        ("?q=%00", []),
        ("?availability=out_of_stock", ["OIL-1"]),
        ("?availability=in_stock", ["LAMP-1"]),
        ("?availability=low", []),
        ("?availability=in_stock&q=huile", []),
    ],
)
def test_the_listing_is_filtered(shop: Shop, query: str, expected: list[str]) -> None:
    shop.register("LAMP-1")
    shop.register("OIL-1", name="Lampe à huile", stock_count=0)

    assert codes(shop, query) == expected


@pytest.mark.parametrize(
    ("sought", "expected"),
    [
        ("lamp", ["LAMP-1", "LAMP-2", "LAMP_3"]),
        ("LAMP 5", ["LAMP-1"]),
        ("mp-", ["LAMP-1", "LAMP-2"]),
        ("P_3", ["LAMP_3"]),
        ("5%", ["LAMP-1"]),
        ("%", ["LAMP-1"]),
        ("5%%", []),
        ("l%p", []),
        ("_", ["LAMP_3"]),
        ("l_mp", []),
        ("\\", ["LAMP-2"]),
        ("c:\\ö", ["LAMP-2"]),
        ("\\%", []),
        ("C:\\ÖL", ["LAMP-2"]),
        ("ß", ["LAMP_3"]),
        ("STRASSE", ["LAMP_3"]),
        ("'", ["LAMP_3"]),
        ("灯", ["LAMP_3"]),
        ("5", ["LAMP-1"]),
        ("3", ["LAMP_3"]),
        ("1\nlamp 5", ["LAMP-1"]),
        (".*", []),
        ("%(sought)s", []),
        ("\\&", []),
    ],
)
def test_a_text_search_is_literal_and_ignores_case(
    shop: Shop, sought: str, expected: list[str]
) -> None:
    shop.register("LAMP-1", name="Lamp 5% off")
    shop.register("LAMP-2", name="C:\\Öllampe\\")
    shop.register("LAMP_3", name="Straße's 灯")

    assert codes(shop, f"?{urlencode({'q': sought})}") == expected


def test_the_older_paths_answer_like_the_current_ones(shop: Shop) -> None:
    response = shop.client.post("/product", json=a_product())
    shop.settle()

    assert response.status_code == 201
    assert response.headers["Location"] == "/products/LAMP-1"
    assert shop.client.get("/product").data == shop.client.get("/products").data


def test_a_command_accepts_no_query_parameters(shop: Shop) -> None:
    response = shop.client.post("/products?dry_run=1", json=a_product())

    document = problem(response, 400, "invalid-parameter")
    assert document["errors"][0]["parameter"] == "dry_run"
    assert codes(shop) == []


def test_a_product_is_shown_with_its_exact_stock_on_request(
    shop: Shop,
) -> None:
    shop.register()
    shop.client.put("/stock/LAMP-1/reservations/A", json={"quantity": 2})

    response = shop.client.get("/products/LAMP-1?stock=exact")

    assert list(response.get_json()) == [*LISTED_FIELDS, "stock"]
    assert response.get_json()["stock"] == 3


def test_stock_that_is_not_opened_yet_is_null_and_not_zero(shop: Shop) -> None:
    shop.client.post("/products", json=a_product())
    shop.storehouse.context("catalog").relay.step()
    for subscription in shop.storehouse.service("catalog-queries").subscriptions:
        subscription.step()

    assert shop.client.get("/products/LAMP-1?stock=exact").get_json()["stock"] is None


def test_a_page_of_the_listing_is_csv_if_that_is_preferred(shop: Shop) -> None:
    shop.register(name="=1+1", price=EUR)
    shop.register(sku="LAMP-2", name="Lamp")

    page = shop.client.get("/products?limit=1", headers={"Accept": "text/csv"})

    header, line = page.text.splitlines()
    assert page.content_type == "text/csv; charset=utf-8"
    assert header.startswith("sku,name,description,price_minor_units,price_currency,")
    assert line.startswith("LAMP-1,'=1+1,,1999,EUR,listed,")
    assert "limit=1" in page.headers["Link"]


def test_a_page_as_csv_reads_no_more_than_it_shows(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        shop.register(sku=f"LAMP-{number}")
    rows, read = Prepared.rows, []

    def counted(*arguments: Any) -> list[Any]:
        found = rows(*arguments)
        read.append(len(found))
        return found

    monkeypatch.setattr(Prepared, "rows", counted)
    page = shop.client.get("/products?limit=2", headers={"Accept": "text/csv"})

    assert len(page.text.splitlines()) == 3
    # One more tells whether a page follows.
    assert sum(read) == 3


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json, text/csv", "text/csv;q=0.1, */*"]
)
def test_the_listing_is_json_unless_csv_is_preferred(shop: Shop, accept: str) -> None:
    page = shop.client.get("/products", headers={"Accept": accept})

    assert page.content_type == "application/json"
