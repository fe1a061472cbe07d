"""Every error is a problem document; details are in the log."""

import sqlite3
from typing import Any

import pytest
import structlog
from sqlalchemy.exc import OperationalError

from shared_kernel.events.writer import Writer
from tests.web_clients import Shop, a_product, problem

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
LOCKED = OperationalError("BEGIN IMMEDIATE", {}, sqlite3.OperationalError("locked"))
FULL = OperationalError("INSERT", {}, sqlite3.OperationalError("disk is full"))


def break_writing(patch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse(*_: Any) -> None:
        raise error

    patch.setattr(Writer, "execute", refuse)


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/products/", "/stock/A/", "/\x00", "/imports/1"],
)
def test_an_unknown_path_is_not_found(lasting_shop: Shop, path: str) -> None:
    document = problem(lasting_shop.client.get(path), 404, "not-found")

    assert "URL" not in document["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/products", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("PATCH", "/products/LAMP-1", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "/products/LAMP-1/name", {"OPTIONS", "PUT"}),
        ("TRACE", "/stock", {"GET", "HEAD", "OPTIONS"}),
        ("TRACE", "/stock/LAMP-1/receipts", {"OPTIONS", "POST"}),
    ],
)
def test_a_method_that_is_not_allowed_is_refused_with_the_allowed_ones(
    lasting_shop: Shop, method: str, path: str, allowed: set[str]
) -> None:
    response = lasting_shop.client.open(path, method=method)

    problem(response, 405, "method-not-allowed")
    assert set(response.headers["Allow"].split(", ")) == allowed


def test_options_lists_the_allowed_methods(lasting_shop: Shop) -> None:
    response = lasting_shop.client.options("/products")

    assert response.status_code == 200
    assert set(response.headers["Allow"].split(", ")) == {
        "GET",
        "HEAD",
        "OPTIONS",
        "POST",
    }


@pytest.mark.parametrize("path", ["/products", "/nothing", "/products/NO-SUCH"])
def test_head_answers_as_get_does_without_a_body(lasting_shop: Shop, path: str) -> None:
    get, head = lasting_shop.client.get(path), lasting_shop.client.head(path)

    assert (head.status_code, head.content_type) == (get.status_code, get.content_type)
    assert head.data == b""


@pytest.mark.parametrize(
    "path",
    ["/products/%00", "/products/%FF", "/products/..", "/products/%F0%9F"],
)
def test_an_invalid_sku_in_a_path_is_not_found(lasting_shop: Shop, path: str) -> None:
    problem(lasting_shop.client.get(path), 404, "unknown-sku")


def test_all_wrong_parameters_are_named_at_once(lasting_shop: Shop) -> None:
    response = lasting_shop.client.get("/products?limt=3&limit=0&cursor=x&q=")

    document = problem(response, 400, "invalid-parameter")

    assert {each["parameter"]: each["detail"] for each in document["errors"]} == {
        "limt": "no such parameter; accepted: limit, cursor, availability, q, sku",
        "limit": "expected a whole number from 1 to 1000",
        "cursor": "expected a whole number from 0 to 9223372036854775807",
        "q": "expected 1 to 200 characters",
    }


@pytest.mark.parametrize("query", ["q=%FF%00", "q=\xff\xfe", "q=%", "q=%zz&&", "=&q=a"])
def test_any_query_string_is_answered(lasting_shop: Shop, query: str) -> None:
    response = lasting_shop.client.get(
        "/products", environ_overrides={"QUERY_STRING": query}
    )

    assert response.status_code in (200, 400)


@pytest.mark.parametrize("error", [LOCKED, FULL, OSError("no space left")])
def test_a_fault_of_storage_is_a_503_with_retry_after(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    break_writing(monkeypatch, error)

    response = shop.client.post("/products", json=a_product())

    problem(response, 503, "unavailable")
    assert response.headers["Retry-After"] == "1"
    assert "locked" not in response.text


def test_an_unexpected_error_is_logged_and_hidden_from_the_client(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_writing(monkeypatch, KeyError("inner secret"))

    with structlog.testing.capture_logs() as lines:
        response = shop.client.post(
            "/products", json=a_product(), headers={"traceparent": TRACE}
        )

    problem(response, 500, "internal-error")
    assert "secret" not in response.text
    (line,) = lines
    assert line == {
        "event": "request failed",
        "log_level": "error",
        "exc_info": True,
        "method": "POST",
        "path": "/products",
        "traceparent": TRACE,
    }


def test_every_response_forbids_content_sniffing(lasting_shop: Shop) -> None:
    for path in ("/products", "/nothing", "/openapi.json"):
        response = lasting_shop.client.get(path)

        assert response.headers["X-Content-Type-Options"] == "nosniff"
