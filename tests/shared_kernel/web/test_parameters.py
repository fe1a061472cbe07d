"""Query parameters and headers are read as declared, or refused by name."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.shared_kernel.web.toy import a_toy_app


def get(path: str, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return a_toy_app().test_client().get(path, headers=named)


def refused(response: TestResponse) -> list[str]:
    problem = response.get_json()
    assert response.status_code == 400
    assert problem["type"] == "/problems/invalid-parameter"
    return [error["parameter"] for error in problem["errors"]]


@pytest.mark.parametrize(
    ("query", "limit"), [("", 5), ("?limit=1", 1), ("?limit=10", 10)]
)
def test_a_parameter_is_read_or_has_its_default(query: str, limit: int) -> None:
    assert get(f"/toys{query}").get_json() == {"limit": limit}


@pytest.mark.parametrize("text", ["", "0", "11", "1.0", "x", "٣", "1" * 5000, "%00"])
def test_a_parameter_out_of_its_bounds_is_refused(text: str) -> None:
    assert refused(get(f"/toys?limit={text}")) == ["limit"]


def test_a_misspelt_and_a_repeated_parameter_are_refused_together() -> None:
    assert refused(get("/toys?limt=3&limit=1&limit=2")) == ["limt", "limit"]


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("catalog:0", {"catalog": 0}),
        ("catalog:12,inventory:3", {"catalog": 12, "inventory": 3}),
        ("catalog:1, catalog:4, catalog:2", {"catalog": 4}),
    ],
)
def test_a_token_names_positions(header: str, token: dict[str, Any]) -> None:
    assert get("/headers", Consistency_Token=header).get_json()["token"] == token


@pytest.mark.parametrize(
    "header", ["", "catalog", "catalog:", "catalog:-1", "catalog:01", "shop:1", "1,"]
)
def test_any_other_token_is_refused(header: str) -> None:
    response = get("/headers", Consistency_Token=header)

    assert refused(response) == ["Consistency-Token"]


@pytest.mark.parametrize(
    ("header", "lenient"),
    [
        ("handling=lenient", True),
        ('respond-async, Handling = "Lenient"', True),
        ("handling=lenient; a=b", True),
        ("handling=strict", False),
        ("lenient", False),
    ],
)
def test_prefer_is_read_as_a_list(header: str, lenient: bool) -> None:
    assert get("/headers", Prefer=header).get_json()["lenient"] is lenient
