"""Requests that need an unreachable process: refused, or answered leniently."""

from typing import Any

import pytest
from flask import Flask, Response
from werkzeug.test import TestResponse

from shared_kernel.events.consistency import Progress, Reader
from shared_kernel.web.peers import PeerError, PeerUnavailableError
from shared_kernel.web.peers import StrangePeerError as Strange
from shared_kernel.web.reading import wait_until_visible
from shared_kernel.web.routes import set_up_web
from tests.web_clients import problem

URL = "http://10.0.0.7:8000"
AWAY = PeerUnavailableError("inventory", URL, "connection refused")
ERRORS = [AWAY, Strange("inventory", URL, "answers GET /healthz with 404 text/html")]


def ask(error: PeerError, **headers: str) -> TestResponse:
    """A read that waits for events in inventory caused by the catalog's."""

    def through(position: int, timeout_s: float) -> int:
        raise error

    reader = Reader(
        cursors={"inventory": lambda: 0},
        progress=Progress(),
        origin="catalog",
        by_way_of="inventory",
        through=through,
    )
    app = Flask("shop")
    set_up_web(app)

    @app.get("/products")
    def products() -> Response:
        wait_until_visible(reader, timeout_ms=10)
        return Response("[]")

    named: dict[str, Any] = {n.replace("_", "-"): text for n, text in headers.items()}
    return app.test_client().get("/products", headers=named)


@pytest.mark.parametrize("error", ERRORS)
def test_an_unreachable_peer_that_is_needed_is_named(error: PeerError) -> None:
    response = ask(error, Consistency_Token="catalog:1")

    document = problem(response, 503, "peer-unavailable")

    assert document["peer"] == "inventory"
    assert document["detail"] == str(error)
    assert response.headers["Retry-After"] == "1"


@pytest.mark.parametrize("error", ERRORS)
def test_a_lenient_read_returns_stale_data_without_the_peer(error: PeerError) -> None:
    response = ask(error, Consistency_Token="catalog:1", Prefer="handling=lenient")

    assert (response.status_code, response.text) == (200, "[]")


def test_a_read_without_waiting_needs_no_peer() -> None:
    assert ask(AWAY).status_code == 200


def test_the_message_is_a_line_that_says_where_and_why() -> None:
    assert [str(error) for error in ERRORS] == [
        "inventory does not answer at http://10.0.0.7:8000: connection refused",
        (
            "INVENTORY_URL is http://10.0.0.7:8000, which answers GET /healthz with "
            "404 text/html: expected a Storehouse process that runs inventory"
        ),
    ]
