"""Faults of a body with every kind of rule: type, place, and what is expected."""

import io
import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared_kernel.web.bodies import MAX_BODY_BYTES
from tests.shared_kernel.web.toy import a_toy_app

GOOD: dict[str, Any] = {"name": "Lamp", "pieces": 3}


def post(raw: bytes, content_type: str | None = "application/json") -> TestResponse:
    return client().post("/toys", data=raw, content_type=content_type)


def client() -> FlaskClient:
    return a_toy_app().test_client()


def faults(**changed: Any) -> tuple[str, list[tuple[str, str, str]]]:
    response = post(json.dumps(GOOD | changed).encode())
    problem = response.get_json()
    assert response.status_code == problem["status"] == 422
    assert response.content_type == "application/problem+json"
    return slug(problem["type"]), [
        (slug(error["type"]), error["pointer"], error["detail"])
        for error in problem["errors"]
    ]


def slug(uri: str) -> str:
    assert uri.startswith("/problems/")
    return uri.removeprefix("/problems/")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"colour": 1}, ("unknown-field", "/colour", "no such field")),
        ({"a/b~c": 1}, ("unknown-field", "/a~1b~0c", "no such field")),
        ({"pieces": "3"}, ("wrong-type", "/pieces", "expected integer")),
        ({"pieces": 2.5}, ("wrong-type", "/pieces", "expected integer")),
        ({"pieces": 0}, ("out-of-range", "/pieces", "expected at least 1")),
        ({"pieces": 101}, ("out-of-range", "/pieces", "expected at most 100")),
        ({"pieces": 10**40}, ("out-of-range", "/pieces", "expected at most 100")),
        ({"name": ""}, ("invalid-value", "/name", "expected 1 to 20 letters")),
        ({"name": "x" * 9999}, ("invalid-value", "/name", "expected 1 to 20 letters")),
        ({"note": 1}, ("wrong-type", "/note", "expected null or string")),
        (
            {"note": "x" * 6},
            ("invalid-value", "/note", "expected at most 5 characters"),
        ),
        ({"size": {"width": 1}}, ("missing-field", "/size/unit", "is required")),
        (
            {"size": {"width": 1, "unit": "ell"}},
            ("invalid-value", "/size/unit", "expected one of mm, in"),
        ),
    ],
)
def test_a_fault_has_a_type_a_pointer_and_an_expected_value(
    changed: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    assert faults(**changed) == (expected[0], [expected])


def test_all_faults_are_reported_at_once_under_a_common_type() -> None:
    kind, found = faults(name=7, pieces=0, colour="red", size={"unit": "mm"})

    assert kind == "invalid-body"
    assert {(type_, pointer) for type_, pointer, _ in found} == {
        ("wrong-type", "/name"),
        ("out-of-range", "/pieces"),
        ("unknown-field", "/colour"),
        ("missing-field", "/size/width"),
    }


@pytest.mark.parametrize(
    "number", [b"1e999", b"-1e999", b"9" * 5000, b"-" + b"9" * 999]
)
def test_a_huge_number_is_out_of_range(number: bytes) -> None:
    response = post(b'{"name": "Lamp", "pieces": ' + number + b"}")

    problem = response.get_json()
    assert (response.status_code, slug(problem["type"])) == (422, "out-of-range")
    assert [error["pointer"] for error in problem["errors"]] == ["/pieces"]


@pytest.mark.parametrize("levels", [200, 254, 255, 256, 300, 900, 1100, 100_000])
def test_a_body_nested_at_any_depth_is_answered(levels: int) -> None:
    response = post(b'{"name": ' + b"[" * levels + b"]" * levels + b"}")

    assert response.status_code == 422


@pytest.mark.parametrize("chunked", [False, True])
def test_one_mebibyte_is_accepted_and_a_byte_more_is_not(chunked: bool) -> None:
    good = json.dumps(GOOD).encode()
    for size, status in ((MAX_BODY_BYTES, 200), (MAX_BODY_BYTES + 1, 413)):
        raw = good + b" " * (size - len(good))
        response = chunks(raw) if chunked else post(raw)

        assert response.status_code == status
        if status == 413:
            assert slug(response.get_json()["type"]) == "body-too-large"


def chunks(raw: bytes) -> TestResponse:
    return client().post(
        "/toys",
        input_stream=io.BytesIO(raw),
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True},
    )


def test_five_point_zero_is_five() -> None:
    assert post(b'{"name": "Lamp", "pieces": 5.0}').get_json()["pieces"] == 5


def test_the_text_null_is_a_text() -> None:
    raw = json.dumps(GOOD | {"note": "null"}).encode()

    assert post(raw).get_json()["note"] == "null"
