"""Every route refuses what it does not read: bodies, parameters, preconditions."""

import pytest
from flask.testing import FlaskClient

from tests.web_clients import Shop, problem


def operations(client: FlaskClient) -> list[tuple[str, str, bool, bool]]:
    """Method, path, whether it takes a body, and preconditions."""
    document = client.get("/openapi.json").get_json()
    return [
        (
            method.upper(),
            path.replace("{letter}", "shop_read:1").replace("{", "").replace("}", ""),
            "requestBody" in operation,
            any(each["name"] == "If-Match" for each in operation["parameters"]),
        )
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_a_body_that_no_route_reads_is_refused(lasting_shop: Shop) -> None:
    client = lasting_shop.client
    without = [each for each in operations(client) if not each[2]]
    assert len(without) > 15
    for method, path, *_ in without:
        said = problem(
            client.open(path, method=method, json={"from": "2027-01-01"}),
            422,
            "unexpected-body",
        )
        assert said["errors"][0]["pointer"] == "/from", path
        for body in (b"[1]", b"text", b'{"a":'):
            problem(client.open(path, method=method, data=body), 422, "unexpected-body")


@pytest.mark.parametrize("body", [b"", b"{}", b" { } \n"])
def test_nothing_said_is_nothing_refused(lasting_shop: Shop, body: bytes) -> None:
    lasting_shop.register(f"EMPTY-{len(body)}")
    path = f"/products/EMPTY-{len(body)}/discontinue"

    assert lasting_shop.client.post(path, data=body).status_code == 200


def test_a_body_of_unknown_length_is_refused_too(lasting_shop: Shop) -> None:
    lasting_shop.register("CHUNKED")
    response = lasting_shop.client.post(
        "/products/CHUNKED/discontinue",
        data=b'{"from": 1}',
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True, "CONTENT_LENGTH": ""},
    )

    problem(response, 422, "unexpected-body")


def test_a_precondition_that_no_command_reads_is_refused(lasting_shop: Shop) -> None:
    client = lasting_shop.client
    for method, path, body, conditional in operations(client):
        headers = {"If-Unmodified-Since": "Sat, 29 Oct 1994 19:43:31 GMT"}
        if method != "GET" and not conditional:
            headers["If-None-Match"] = "*"
        json = {"name": "a"} if body else None
        response = client.open(path, method=method, headers=headers, json=json)
        said = problem(response, 400, "invalid-parameter")["errors"]
        assert {each["parameter"] for each in said} <= {*headers}, path


def test_a_parameter_that_no_route_reads_is_refused(lasting_shop: Shop) -> None:
    client = lasting_shop.client
    for method, path, *_ in operations(client):
        if method == "GET":
            response = client.get(f"{path}?no-such-parameter=1")
            said = problem(response, 400, "invalid-parameter")["errors"]
            assert "no-such-parameter" in [each["parameter"] for each in said], path
