"""The description of the API for people, and what every page has."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from shared_kernel.domain.sku import SKU_IN_WORDS
from shared_kernel.serving.application import web_application
from shared_kernel.web.problems import KINDS
from tests.storehouses import a_storehouse
from tests.web_pages import Element, parsed

ROOT = Path(__file__).parents[3]
PAGES = ("/", "/docs", "/docs/events")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    with a_storehouse(tmp_path_factory.mktemp("storehouse")) as storehouse:
        yield web_application(storehouse).test_client()


@pytest.fixture(scope="module")
def docs(client: FlaskClient) -> Element:
    return parsed(client.get("/docs").text)


@pytest.fixture(scope="module")
def stylesheet(client: FlaskClient, docs: Element) -> str:
    (link,) = docs.all("link", rel="stylesheet")
    return client.get(link.attributes["href"], buffered=True).text


@pytest.mark.parametrize("path", PAGES)
def test_a_page_may_load_its_own_style_and_nothing_else(
    client: FlaskClient, path: str
) -> None:
    policy = client.get(path).headers["Content-Security-Policy"]

    assert {part.strip() for part in policy.split(";")} == {
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    }


@pytest.mark.parametrize("path", PAGES)
def test_a_page_needs_no_script_and_no_inline_style(
    client: FlaskClient, path: str
) -> None:
    page = parsed(client.get(path).text)

    assert page.all("script") == page.all("style") == []
    assert page.every("style") == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_a_language_a_title_and_a_main_element(
    client: FlaskClient, path: str
) -> None:
    response = client.get(path)
    page = parsed(response.text)

    assert response.content_type == "text/html; charset=utf-8"
    assert page.all("html")[0].attributes == {"lang": "en"}
    assert "Storehouse" in page.all("title")[0].text
    assert len(page.all("main")) == len(page.all("h1")) == 1


@pytest.mark.parametrize("path", PAGES)
def test_a_page_links_to_api_feed_and_metrics(client: FlaskClient, path: str) -> None:
    addresses = parsed(client.get(path).text).every("href")

    assert {
        "/docs",
        "/docs/events",
        "/openapi.json",
        "/asyncapi.json",
        "/events/catalog?after=0",
        "/metrics",
        "/readyz",
    } <= set(addresses)


@pytest.mark.parametrize("path", PAGES)
def test_no_link_is_broken(client: FlaskClient, path: str) -> None:
    page = parsed(client.get(path).text)

    named = page.every("id")
    assert len(named) == len(set(named))
    for address in set(page.every("href")) - {"data:,"}:
        if address.startswith("#"):
            assert address[1:] in named
        else:
            # No workers run here, so the process is not ready.
            assert client.get(address, buffered=True).status_code in (200, 503), address


@pytest.mark.parametrize("path", PAGES)
def test_every_labelling_element_exists(client: FlaskClient, path: str) -> None:
    page = parsed(client.get(path).text)

    assert set(page.every("aria-labelledby")) <= set(page.every("id"))


def test_a_style_sheet_is_cached_until_it_changes(
    client: FlaskClient, docs: Element
) -> None:
    (link,) = docs.all("link", rel="stylesheet")
    response = client.get(link.attributes["href"], buffered=True)

    assert re.search(r"\?v=[0-9a-f]{12}$", link.attributes["href"])
    assert response.content_type == "text/css; charset=utf-8"
    assert response.cache_control.public
    assert response.cache_control.max_age == 365 * 24 * 3600


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_colour_has_enough_contrast(stylesheet: str, scheme: str) -> None:
    light, dark = re.findall(r":root \{(.*?)\}", stylesheet, re.DOTALL)
    rules = light if scheme == "light" else dark
    colours = dict(re.findall(r"--(\w+): (#\w{6})", rules))

    for text in ("ink", "quiet", "link", "in", "low", "out"):
        for ground in ("paper", "raised"):
            # WCAG 2.2, success criterion 1.4.3.
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


def test_every_operation_is_described(client: FlaskClient, docs: Element) -> None:
    document = client.get("/openapi.json").get_json()
    text = " ".join(element.text for element in docs.all("p", class_="route"))

    shown = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method in operations
        if path != "/product"
    }
    assert {route for route in shown if route not in text} == set()


def test_an_older_path_is_shown_beside_the_current_one(docs: Element) -> None:
    (register,) = docs.all("article", id="register_product")

    assert register.all("p", class_="route")[0].text == "POST /products or /product"


def test_the_fields_of_a_body_are_shown_with_their_bounds(docs: Element) -> None:
    (register,) = docs.all("article", id="register_product")

    fields = rows_of(register, "Body")
    assert fields["sku required"].splitlines() == [
        SKU_IN_WORDS,
        "string; 1 to 64 characters",
    ]
    assert fields["stock_count"].splitlines() == [
        "0 if not given",
        "integer; 0 to 1,000,000,000",
    ]
    assert fields["description"].splitlines()[-1] == (
        "string or null; 1 to 4,000 characters"
    )
    assert fields["price.minor_units required"] == "integer; 0 to 1,000,000,000,000"
    assert "string; one of AED, AFN, " in fields["price.currency required"]


def test_parameters_are_shown_with_location_and_default(docs: Element) -> None:
    (listing,) = docs.all("article", id="list_products")

    parameters = rows_of(listing, "Parameters")
    assert parameters["limit in query"] == (
        "How many at the most.\ninteger; 1 to 1,000; 100 if not given"
    )
    assert "Consistency-Token in header" in parameters


def test_the_fields_of_a_response_are_shown(docs: Element) -> None:
    (listing,) = docs.all("article", id="list_products")

    assert "price.currency" in rows_of(listing, "The answer is a list of such")


def test_every_problem_of_an_operation_links_to_its_explanation(
    client: FlaskClient, docs: Element
) -> None:
    document = client.get("/openapi.json").get_json()

    for article in docs.all("article"):
        method, path = article.all("p", class_="route")[0].text.split(" ")[:2]
        responses = document["paths"][path][method.lower()]["responses"]
        descriptions = " ".join(each["description"] for each in responses.values())
        promised = re.findall(r"`/problems/([a-z-]+)`", descriptions)
        linked = [link.attributes["href"] for link in article.all("a")]
        assert sorted(linked) == sorted(f"#problem-{slug}" for slug in promised)


def test_every_example_works_unchanged_in_sequence(tmp_path: Path) -> None:
    with a_storehouse(tmp_path) as storehouse:
        client = web_application(storehouse).test_client()
        docs = parsed(client.get("/docs").text)
        for example in (each.text for each in docs.all("pre")):
            method, address, headers, body = in_parts(example)

            response = client.open(address, method=method, headers=headers, data=body)

            if "/products/imports/" in address:
                # Ids of imports are not known in advance.
                assert response.get_json()["type"] == "/problems/unknown-import"
            elif "/dead-letters/shop_read:" in address:
                assert response.get_json()["type"] == "/problems/unknown-dead-letter"
            elif address.endswith("/readyz"):
                # No workers run here.
                assert response.status_code == 503
            else:
                assert response.status_code in (200, 201, 202), (example, response.text)
            storehouse.workers.run_until_idle()


def test_examples_name_the_address_under_which_the_page_was_read(
    client: FlaskClient,
) -> None:
    page = parsed(client.get("/docs", base_url="https://shop.example:8443").text)

    assert all("https://shop.example:8443/" in each.text for each in page.all("pre"))


def test_every_kind_of_problem_is_explained(docs: Element) -> None:
    entries = {
        entry.attributes["id"].removeprefix("problem-"): entry.all("dd")[0].text
        for entry in docs.all("div")
    }

    assert entries.keys() == KINDS.keys()
    for slug, kind in KINDS.items():
        assert entries[slug] == f"{kind.title}. {kind.explanation}".replace("`", "")


@pytest.mark.parametrize("slug", ["unknown-sku", "insufficient-stock"])
def test_the_type_of_a_problem_links_to_its_explanation(
    client: FlaskClient, slug: str
) -> None:
    response = client.get(f"/problems/{slug}")

    assert response.status_code == 303
    assert response.headers["Location"] == f"/docs#problem-{slug}"


def test_an_unknown_problem_is_a_problem(client: FlaskClient) -> None:
    response = client.get("/problems/no-such")

    assert response.status_code == 404
    assert response.content_type == "application/problem+json"
    assert response.get_json()["type"] == "/problems/not-found"


def test_the_description_has_the_released_version(
    client: FlaskClient,
) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    document = json.loads(client.get("/openapi.json").data)

    assert document["info"]["version"] == project["project"]["version"]


def rows_of(article: Element, caption: str) -> dict[str, str]:
    (table,) = (
        table
        for table in article.all("table")
        if table.all("caption")[0].text == caption
    )
    rows = [row.all("td") for row in table.all("tr")]
    return {cells[0].text: cells[1].text for cells in rows if cells}


def in_parts(command: str) -> tuple[str, str, dict[str, str], str | None]:
    """Method, address, headers and body of a command line of curl."""
    words = iter(shlex.split(command.replace("\\\n", "")))
    assert next(words) == "curl"
    method, address, headers, body = "", "", {}, None
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word in ("-d", "--data-binary"):
            body = next(words)
        else:
            address = word
    return method or ("GET" if body is None else "POST"), address, headers, body


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2.2: from 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
