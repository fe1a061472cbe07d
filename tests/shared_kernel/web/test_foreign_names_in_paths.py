"""Names with slashes and the like reach the thing that they name."""

import pytest
from flask import Flask

from shared_kernel.domain.foreign_names import WORDS_OF_ROUTES
from shared_kernel.serving.application import web_application
from shared_kernel.web.routes import in_path
from tests.web_clients import Shop

NAMES = ["AB/12-X", "123456 Oaktree", "#77", "50%", "ÄPFEL-1", "a?b=c&d", "%2F", "1;2"]


@pytest.fixture(scope="module")
def app(lasting_shop: Shop) -> Flask:
    return web_application(lasting_shop.storehouse)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("method", "path", "endpoint", "parameters"),
    [
        ("GET", "/products/{}", "catalog-queries.show_product", ("sku",)),
        ("PUT", "/products/{}/name", "catalog-commands.rename_product", ("sku",)),
        ("GET", "/stock/{}/movements", "inventory.show_movements", ("sku",)),
        (
            "PUT",
            "/stock/{}/reservations/{}",
            "inventory.reserve_stock",
            ("sku", "order"),
        ),
        (
            "POST",
            "/stock/{}/reservations/{}/shipment",
            "inventory.ship_stock",
            ("sku", "order"),
        ),
    ],
)
def test_a_path_leads_to_the_thing_of_that_name(
    app: Flask,
    method: str,
    path: str,
    endpoint: str,
    parameters: tuple[str, ...],
    name: str,
) -> None:
    with app.test_request_context(
        path.format(*[in_path(name)] * 2), method=method
    ) as at:
        assert at.request.endpoint == endpoint
        assert at.request.view_args == dict.fromkeys(parameters, name)


def test_names_have_no_word_that_follows_them_in_a_route(app: Flask) -> None:
    words = set()
    for rule in app.url_map.iter_rules():
        _, *parts = str(rule).split(">")
        if "<foreign:" in str(rule):
            words |= {
                word
                for part in parts
                for word in part.split("/")
                if word and "<" not in word
            }

    assert words == WORDS_OF_ROUTES


@pytest.mark.parametrize("path", ["/products/A/B/name", "/products/A/name/x"])
def test_a_word_of_a_route_ends_a_name(app: Flask, path: str) -> None:
    assert app.test_client().get(path).status_code in (404, 405)
