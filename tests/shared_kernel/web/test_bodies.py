"""Request bodies: all faults are reported at once, by name and place."""

import io
import json
import re
from typing import Any

import attrs
import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from shared_kernel.documents.faults import MOST_FAULTS
from shared_kernel.web.bodies import MAX_BODY_BYTES, Body
from shared_kernel.web.problems import Problem
from tests.web_clients import Shop, a_product, faults, problem

MISSING, UNKNOWN = "/problems/missing-field", "/problems/unknown-field"
WRONG_TYPE, OUT_OF_RANGE = "/problems/wrong-type", "/problems/out-of-range"
INVALID = "/problems/invalid-value"


def send(shop: Shop, body: bytes, content_type: str | None = None) -> TestResponse:
    return shop.client.post(
        "/products", data=body, content_type=content_type or "application/json"
    )


def sent(shop: Shop, **product: Any) -> TestResponse:
    return shop.client.post("/products", json=a_product(**product))


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in a_product().items() if key != name}


def test_a_body_over_one_mebibyte_is_refused(lasting_shop: Shop) -> None:
    problem(send(lasting_shop, b" " * (MAX_BODY_BYTES + 1)), 413, "body-too-large")


def test_a_body_of_one_mebibyte_is_read(lasting_shop: Shop) -> None:
    body = json.dumps({}).encode().ljust(MAX_BODY_BYTES)

    problem(send(lasting_shop, body), 422, "missing-field")


def test_a_body_of_unknown_length_is_refused_over_one_mebibyte(
    lasting_shop: Shop,
) -> None:
    body = json.dumps(a_product()).encode().ljust(MAX_BODY_BYTES + 1)

    response = lasting_shop.client.post(
        "/products",
        input_stream=io.BytesIO(body),
        content_type="application/json",
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )

    problem(response, 413, "body-too-large")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/problem+json",
        "application/json; charset=latin-1",
        "json",
        "",
    ],
)
def test_another_content_type_is_refused(lasting_shop: Shop, content_type: str) -> None:
    response = lasting_shop.client.post(
        "/products", data=json.dumps(a_product()), content_type=content_type
    )

    problem(response, 415, "unsupported-media-type")
    assert response.headers["Accept"] == "application/json"


@pytest.mark.parametrize(
    "content_type",
    ["application/json;charset=UTF-8", "Application/JSON", "application/json; a=b"],
)
def test_any_spelling_of_the_json_media_type_is_accepted(
    lasting_shop: Shop, content_type: str
) -> None:
    problem(send(lasting_shop, b"{}", content_type), 422, "missing-field")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b"{} {}", id="two documents"),
        pytest.param(b"{'name': 1}", id="single quotes"),
        pytest.param(b'{"stock_count": NaN}', id="not a number"),
        pytest.param(b'{"stock_count": 01}', id="a leading zero"),
        pytest.param(b'{"stock_count": 1e999, "name": NaN}', id="after a huge number"),
        pytest.param(b"\xff\xfe{\x00}\x00", id="UTF-16"),
        pytest.param(b'{"name": "\xe9"}', id="Latin-1"),
        pytest.param(b'{"name": "\\ud800"}', id="half a surrogate pair"),
        pytest.param(b"\xef\xbb\xbf{}", id="a byte order mark"),
    ],
)
def test_a_body_that_is_not_json_is_malformed(lasting_shop: Shop, body: bytes) -> None:
    problem(send(lasting_shop, body), 400, "malformed-json")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"name":"a","sku":"A","stock_count":1,"stock_count":2}', "/stock_count"),
        (b'{"name":"a","sku":"A","stock_count":1,"n\\u0061me":"b: c"}', "/name"),
        (
            (
                b'{"name":"a","sku":"A","stock_count":1,"price":'
                b'{"minor_units":1,"currency":"EUR","currency" : "USD"}}'
            ),
            "/price/currency",
        ),
    ],
)
def test_a_key_that_is_given_twice_is_named_and_pointed_to(
    lasting_shop: Shop, body: bytes, pointer: str
) -> None:
    document = problem(send(lasting_shop, body), 400, "malformed-json")

    key = pointer.rpartition("/")[2]
    detail = f"the key {key!r} is given more than once, expected once"
    assert document["detail"] == f"{pointer}: {detail}"
    assert document["errors"] == [
        {"type": "/problems/malformed-json", "pointer": pointer, "detail": detail}
    ]


def test_a_key_that_is_given_twice_is_found_within_an_array() -> None:
    @attrs.frozen
    class Line:
        pieces: int

    @attrs.frozen
    class Order:
        lines: list[Line]

    raw = b'{"lines":[{"pieces":1},{"pieces":2,"pieces":3}]}'

    with (
        Flask("shop").test_request_context(
            method="POST", data=raw, content_type="application/json"
        ),
        pytest.raises(Problem) as refused,
    ):
        Body(Order).read()

    assert [fault["pointer"] for fault in refused.value.errors] == ["/lines/1/pieces"]


def test_a_colon_in_a_text_is_no_key(lasting_shop: Shop) -> None:
    body = b'{"name":"a: b","sku":"COLON","stock_count":1}'

    assert send(lasting_shop, body).status_code == 201


@pytest.mark.parametrize("depth", [256, 5_000, 200_000])
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_a_body_nested_too_deeply_is_refused(
    lasting_shop: Shop, depth: int, opening: bytes
) -> None:
    closing = b"]" if opening == b"[" else b"1}"
    body = opening * depth + closing * (depth if closing == b"]" else 1)

    response = send(lasting_shop, body)

    assert response.status_code in (400, 422)
    assert response.content_type == "application/problem+json"


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"1", b"true"])
def test_a_body_is_an_object(lasting_shop: Shop, body: bytes) -> None:
    document = problem(send(lasting_shop, body), 422, "wrong-type")

    assert faults(document) == {"": WRONG_TYPE}


@pytest.mark.parametrize("name", ["name", "sku"])
def test_a_missing_field_is_named(lasting_shop: Shop, name: str) -> None:
    response = lasting_shop.client.post("/products", json=without(name))

    assert faults(problem(response, 422, "missing-field")) == {f"/{name}": MISSING}


def test_an_unknown_field_is_named_by_a_json_pointer(lasting_shop: Shop) -> None:
    document = problem(sent(lasting_shop, **{"a/b~c": 1}), 422, "unknown-field")

    assert faults(document) == {"/a~1b~0c": UNKNOWN}


def test_a_field_within_an_object_is_pointed_to(lasting_shop: Shop) -> None:
    price = {"minor_units": "12", "currency": "EUR"}

    document = problem(sent(lasting_shop, price=price), 422, "wrong-type")

    assert faults(document) == {"/price/minor_units": WRONG_TYPE}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 1),
        ("name", None),
        ("sku", ["LAMP-1"]),
        ("stock_count", "5"),
        ("stock_count", 5.5),
        ("stock_count", True),
        ("stock_count", None),
        ("description", 7),
        ("price", "19.99"),
    ],
)
def test_a_value_of_another_type_is_refused(
    lasting_shop: Shop, field: str, value: object
) -> None:
    document = problem(sent(lasting_shop, **{field: value}), 422, "wrong-type")

    assert faults(document) == {f"/{field}": WRONG_TYPE}


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("-1", "expected at least 0"),
        ("1000000001", "expected at most 1000000000"),
        ("9" * 40, "expected at most 1000000000"),
        ("-" + "9" * 5000, "expected at least 0"),
        ("1e400", "expected at most 1000000000"),
        ("1e300", "expected at most 1000000000"),
    ],
)
def test_a_number_out_of_range_is_refused_with_the_limit(
    lasting_shop: Shop, number: str, expected: str
) -> None:
    body = json.dumps(a_product(stock_count=0)).replace(": 0", f": {number}")

    document = problem(send(lasting_shop, body.encode()), 422, "out-of-range")

    (fault,) = document["errors"]
    assert (fault["pointer"], fault["detail"]) == ("/stock_count", expected)


@pytest.mark.parametrize(
    "code", ["", " LAMP", "LAMP  1", "LAMP/", "LAMP//name", "L" * 65, "L\u200bMP"]
)
def test_an_invalid_sku_is_refused_with_its_format(
    lasting_shop: Shop, code: str
) -> None:
    document = problem(sent(lasting_shop, sku=code), 422, "invalid-value")

    assert faults(document) == {"/sku": INVALID}
    assert "1 to 64 visible characters" in document["detail"]


@pytest.mark.parametrize("name", ["", "   ", "\u00a0", "a\nb", "a\x00", "n" * 201])
def test_a_name_that_breaks_several_rules_is_one_fault(
    lasting_shop: Shop, name: str
) -> None:
    document = problem(sent(lasting_shop, name=name), 422, "invalid-value")

    assert faults(document) == {"/name": INVALID}
    assert "1 to 200 characters on one line" in document["detail"]


def test_a_currency_must_be_in_use(lasting_shop: Shop) -> None:
    price = {"minor_units": 1, "currency": "XXX"}

    document = problem(sent(lasting_shop, price=price), 422, "invalid-value")

    assert faults(document) == {"/price/currency": INVALID}
    assert "ISO 4217" in document["detail"]


def test_a_fault_does_not_repeat_the_value(lasting_shop: Shop) -> None:
    secret = "s3cret\n" * 50

    assert "s3cret" not in sent(lasting_shop, name=secret, sku=secret).text


def test_all_faults_of_a_body_are_reported_at_once(lasting_shop: Shop) -> None:
    body = {
        "name": "",
        "stock_count": -1,
        "colour": "red",
        "description": 5,
        "price": {"minor_units": 10**13, "currency": "EURO"},
    }

    response = lasting_shop.client.post("/products", json=body)

    assert faults(problem(response, 422, "invalid-body")) == {
        "/name": INVALID,
        "/sku": MISSING,
        "/stock_count": OUT_OF_RANGE,
        "/colour": UNKNOWN,
        "/description": WRONG_TYPE,
        "/price/minor_units": OUT_OF_RANGE,
        "/price/currency": INVALID,
    }


def test_several_faults_of_one_kind_are_a_problem_of_that_kind(
    lasting_shop: Shop,
) -> None:
    document = problem(send(lasting_shop, b"{}"), 422, "missing-field")

    assert set(faults(document)) == {"/name", "/sku"}
    assert document["detail"].endswith(", and 1 more")


def test_the_number_of_reported_faults_is_bounded(lasting_shop: Shop) -> None:
    body = {str(number): 0 for number in range(50_000)}

    response = lasting_shop.client.post("/products", json=body)

    assert len(response.get_json()["errors"]) == MOST_FAULTS
    assert len(response.data) < 20_000


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
_PRODUCTS = st.fixed_dictionaries(
    {},
    optional={
        name: _JSON | st.integers(-1, 10) | st.text(max_size=5)
        for name in ("name", "sku", "stock_count", "description", "price", "colour")
    },
)


def is_well_answered(response: TestResponse) -> bool:
    """Accepted, or refused by a problem without internal details."""
    if response.status_code < 300:
        return response.content_type == "application/json"
    return (
        400 <= response.status_code < 500
        and response.content_type == "application/problem+json"
        and re.search(r"Traceback|\.py\b", response.text) is None
    )


@pytest.mark.slow
@given(_PRODUCTS | _JSON)
def test_no_json_breaks_a_command(lasting_shop: Shop, body: object) -> None:
    assert is_well_answered(lasting_shop.client.post("/products", json=body))


@given(st.binary(max_size=200))
def test_no_bytes_break_a_command(lasting_shop: Shop, body: bytes) -> None:
    assert is_well_answered(send(lasting_shop, body))


@given(st.data())
def test_no_truncated_or_changed_body_breaks_a_command(
    lasting_shop: Shop, data: st.DataObject
) -> None:
    body = bytearray(json.dumps(a_product(description="é", price=None)).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))

    assert is_well_answered(send(lasting_shop, bytes(body[:cut])))


ROUTES = [
    ("PUT", "/products/LAMP-1/name"),
    ("PUT", "/products/LAMP-1/description"),
    ("PUT", "/products/LAMP-1/price"),
    ("POST", "/stock/LAMP-1/receipts"),
    ("POST", "/stock/LAMP-1/counts"),
    ("PUT", "/stock/LAMP-1/reorder-point"),
    ("PUT", "/stock/LAMP-1/reservations/ORDER-1"),
]


@pytest.mark.slow
@given(st.sampled_from(ROUTES), _JSON)
def test_no_json_breaks_any_other_command(
    lasting_shop: Shop, route: tuple[str, str], body: object
) -> None:
    method, path = route

    assert is_well_answered(lasting_shop.client.open(path, method=method, json=body))
