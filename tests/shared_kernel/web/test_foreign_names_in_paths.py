"""Names with slashes and the like reach the thing that they name."""

import pytest
from flask import Flask, Response

from app import CONTEXTS
from shared_kernel.domain.foreign_names import PATTERN, RouteWords
from shared_kernel.runtime.context import route_words_of
from shared_kernel.serving.application import web_application
from shared_kernel.web.routes import Api, Success, in_path, set_up_web
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


def test_the_words_of_all_routes_are_declared(app: Flask) -> None:
    rules = [str(rule) for rule in app.url_map.iter_rules()]
    named = [rule for rule in rules if "<foreign(" in rule]
    after = {
        word
        for rule in named
        for word in rule.partition(">")[2].split("/")
        if word and "<" not in word
    }
    before = {rule.partition("<")[0] for rule in named}
    beside = {
        rule.removeprefix(start).partition("/")[0]
        for start in before
        for rule in rules
        if rule.startswith(start)
    }
    beside = {word for word in beside if word and "<" not in word}

    assert route_words_of(CONTEXTS) == RouteWords(after, beside)


def an_api(*rules: str) -> Api:
    api = Api("orders", {"order": {"pattern": PATTERN}}, {})

    def view(order: str) -> Response:
        return Response(order)

    for number, rule in enumerate(rules):
        view.__name__ = f"view_{number}"
        api.route("GET", rule, summary="", success=Success(description=""))(view)
    return api


def test_an_undeclared_word_of_a_route_is_refused() -> None:
    api = an_api("/orders/<order>", "/orders/<order>/cancel")

    with pytest.raises(LookupError, match=r"orders has a route with \['cancel'\]"):
        api.declared_with(RouteWords(["close"]))


def test_words_of_other_contexts_hide_no_name() -> None:
    app = Flask(__name__)
    set_up_web(app)
    words = RouteWords(["cancel"])
    api = an_api("/orders/<order>", "/orders/<order>/cancel").declared_with(words)
    app.register_blueprint(api.blueprint)
    client = app.test_client()

    found = [client.get(f"/orders/{path}").text for path in ("A/name", "A%2Fb/cancel")]

    assert found == ["A/name", "A/b"]


@pytest.mark.parametrize("path", ["/products/A/B/name", "/products/A/name/x"])
def test_a_word_of_a_route_ends_a_name(app: Flask, path: str) -> None:
    assert app.test_client().get(path).status_code in (404, 405)
