"""The process serves known host names, and commands only from its own pages."""

from collections.abc import Sequence
from typing import Any

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from shared_kernel.web.known_hosts import serve_known_hosts, trusted_names
from shared_kernel.web.problems import answer_errors_with_problems
from tests.web_clients import Shop, problem


def a_client(
    setting: Sequence[str] | None = None, host: str = "127.0.0.1"
) -> FlaskClient:
    app = Flask("shop")
    answer_errors_with_problems(app)
    serve_known_hosts(app, trusted_names(setting, host))
    app.add_url_rule("/", view_func=lambda: Response("done"), methods=["GET", "POST"])
    return app.test_client()


def asked(client: FlaskClient, method: str = "GET", **headers: str) -> tuple[int, Any]:
    answer = client.open("/", method=method, headers=headers)
    document = answer.get_json(silent=True) or {}
    return answer.status_code, document.get("type")


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8000",
        "127.0.0.1:8000",
        "127.1.2.3",
        "[::1]:8000",
        "LOCALHOST",
    ],
)
def test_on_loopback_loopback_names_are_served(host: str) -> None:
    assert asked(a_client(), Host=host) == (200, None)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "localhost/evil.example",
        "evil.example@localhost",
        "localhost:80:90",
        "[",
        "a b",
    ],
)
def test_on_loopback_no_other_name_is_served(host: str) -> None:
    assert asked(a_client(), Host=host) == (400, "/problems/unknown-host")


def test_the_refusal_names_the_setting() -> None:
    answer = a_client().get("/", headers={"Host": "evil.example"})

    assert answer.json is not None
    assert answer.json["detail"] == (
        "Host is 'evil.example', expected localhost, 127.0.0.0/8, ::1: "
        "name it in TRUSTED_HOSTS, if it is one of yours"
    )


def test_names_of_the_setting_are_served_and_no_others() -> None:
    client = a_client(("shop.example", ".stores.example"))

    assert asked(client, Host="shop.example:8443")[0] == 200
    assert asked(client, Host="till.stores.example")[0] == 200
    assert asked(client, Host="localhost")[0] == 400


@pytest.mark.parametrize(
    "client", [a_client(("*",)), a_client(host="0.0.0.0")], ids=["any", "not loopback"]
)
def test_any_name_is_served_if_the_names_are_unknown(client: FlaskClient) -> None:
    assert asked(client, Host="anything.example")[0] == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "LocalHost"])
def test_on_any_loopback_address_other_names_are_refused(host: str) -> None:
    assert asked(a_client(host=host), Host="evil.example")[0] == 400


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", "http://localhost:9"]
)
def test_a_foreign_page_may_not_send_commands(origin: str) -> None:
    answer = asked(a_client(), "POST", Origin=origin, Host="localhost:8000")

    assert answer == (403, "/problems/foreign-origin")


def test_a_page_without_an_origin_may_not_send_commands() -> None:
    answer = a_client().post(
        "/", headers={"Origin": "null"}, environ_overrides={"HTTP_HOST": ""}
    )

    assert answer.status_code == 403


def test_the_refusal_of_a_page_says_what_to_do() -> None:
    answer = a_client().post("/", headers={"Origin": "http://evil.example"})

    assert answer.json is not None
    assert answer.json["detail"] == (
        "Origin is 'http://evil.example', expected a page of 'localhost': open it "
        "there, or let the proxy in between pass Host on as it is"
    )


@pytest.mark.parametrize("origin", ["http://localhost:8000", "https://localhost:8000"])
def test_its_own_pages_may_send_commands(origin: str) -> None:
    assert asked(a_client(), "POST", Origin=origin, Host="localhost:8000")[0] == 200


def test_a_client_that_is_not_a_browser_may_send_commands() -> None:
    assert asked(a_client(), "POST", Host="localhost:8000")[0] == 200


def test_reads_of_a_foreign_page_are_left_to_the_browser() -> None:
    assert asked(a_client(), Origin="http://evil.example", Host="localhost")[0] == 200


def test_the_whole_shop_is_served_under_known_names_only(lasting_shop: Shop) -> None:
    for path in ("/", "/products", "/healthz", "/nothing"):
        answer = lasting_shop.client.get(path, headers={"Host": "evil.example"})

        problem(answer, 400, "unknown-host")
