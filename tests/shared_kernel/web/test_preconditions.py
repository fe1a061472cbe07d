"""Preconditions (RFC 9110, §13) are honoured as written, or refused by name."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from shared_kernel.domain.errors import PreconditionFailed, StaleVersion
from shared_kernel.domain.expectation import Expectation
from tests.shared_kernel.web.toy import a_toy_app
from tests.web_clients import Shop, problem


def send(method: str, path: str, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return a_toy_app().test_client().open(path, method=method, headers=named)


def expects(**headers: str) -> dict[str, Any]:
    found: dict[str, Any] = send("GET", "/headers", **headers).get_json()["expected"]
    return found


def refused(response: TestResponse) -> list[str]:
    errors = problem(response, 400, "invalid-parameter")["errors"]
    return [error["parameter"] for error in errors]


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        ('"3"', [3]),
        (' "3" ', [3]),
        ('"1", "2"', [1, 2]),
        ('"1","2"', [1, 2]),
        (', "1", , "2",', [1, 2]),
        ('"3", W/"9"', [3]),
        ('"a,b", "4"', [4]),
        ('W/"3"', []),
        ('"abc"', []),
        ('""', []),
        ('"03"', []),
        ('"9999999999999999999999"', []),
    ],
)
def test_if_match_names_versions_of_which_one_must_be_current(
    header: str, versions: list[int]
) -> None:
    assert expects(If_Match=header)["versions"] == versions


@pytest.mark.parametrize(
    ("header", "others"), [('"3"', [3]), ('W/"3", "4"', [3, 4]), ('"abc"', [])]
)
def test_if_none_match_names_versions_that_must_not_be_current(
    header: str, others: list[int]
) -> None:
    assert expects(If_None_Match=header)["others"] == others


def test_an_asterisk_asks_whether_it_exists() -> None:
    assert expects(If_Match="*")["exists"] is True
    assert expects(If_None_Match="*")["exists"] is False


@pytest.mark.parametrize("name", ["If_Match", "If_None_Match"])
@pytest.mark.parametrize("header", ["3", "", "'3'", '"3', '"3" "4"', '*, "3"', ","])
def test_what_is_no_list_of_tags_is_refused(name: str, header: str) -> None:
    response = send("GET", "/headers", **{name: header})

    assert refused(response) == [name.replace("_", "-")]


def test_what_is_read_is_not_sent_again() -> None:
    for header in ('"3"', 'W/"3"', '"2", "3"', "*"):
        response = send("GET", "/versions", If_None_Match=header)
        assert (response.status_code, response.data) == (304, b"")
        assert response.headers["ETag"] == '"3"'
    assert send("GET", "/versions", If_None_Match='"2"').status_code == 200
    assert send("GET", "/versions", If_Match='"2", "3"').status_code == 200
    problem(send("GET", "/versions", If_Match='W/"3"'), 412, "precondition-failed")


def test_a_response_without_a_tag_matches_no_tag() -> None:
    assert send("GET", "/toys", If_None_Match='""').status_code == 200
    problem(send("GET", "/toys", If_Match='""'), 412, "precondition-failed")


@pytest.mark.parametrize("name", ["If-Match", "If-None-Match", "If-Unmodified-Since"])
def test_a_command_that_honours_no_precondition_refuses_it(name: str) -> None:
    response = send("POST", "/nothing", **{name: '"1"'})

    assert refused(response) == [name]


def test_what_an_expectation_asks_for_is_checked() -> None:
    Expectation(versions=frozenset([1, 2])).check("A", 2, exists=True)
    Expectation(others=frozenset([1])).check("A", 2, exists=True)
    Expectation(exists=False).check("A", 2, exists=False)
    with pytest.raises(StaleVersion):
        Expectation(versions=frozenset([1])).check("A", 2, exists=True)
    with pytest.raises(StaleVersion):
        Expectation(versions=frozenset()).check("A", 2, exists=True)
    with pytest.raises(PreconditionFailed, match="another version"):
        Expectation(others=frozenset([2])).check("A", 2, exists=True)
    with pytest.raises(PreconditionFailed, match="does not exist yet"):
        Expectation(exists=False).check("A", 2, exists=True)
    with pytest.raises(PreconditionFailed, match="that it exists"):
        Expectation(exists=True).check("A", 2, exists=False)


def reserve(shop: Shop, sku: str, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    path = f"/stock/{sku}/reservations/ORDER-1"
    return shop.client.put(path, json={"quantity": 1}, headers=named)


def test_a_reservation_is_made_only_if_there_is_none(lasting_shop: Shop) -> None:
    lasting_shop.register("HOLD-1")
    missing = reserve(lasting_shop, "HOLD-1", If_Match="*")
    problem(missing, 412, "precondition-failed")
    assert reserve(lasting_shop, "HOLD-1", If_None_Match="*").status_code == 200

    again = reserve(lasting_shop, "HOLD-1", If_None_Match="*")
    problem(again, 412, "precondition-failed")
    assert reserve(lasting_shop, "HOLD-1", If_Match="*").status_code == 200


def test_a_product_is_changed_only_from_one_of_the_versions(lasting_shop: Shop) -> None:
    lasting_shop.register("TAGS-1")
    path, body = "/products/TAGS-1/name", {"name": "Floor lamp"}

    def rename(**headers: str) -> TestResponse:
        return lasting_shop.client.put(path, json=body, headers=headers)

    problem(rename(**{"If-Match": '"2", "3"'}), 412, "stale-version")
    problem(rename(**{"If-None-Match": '"1"'}), 412, "precondition-failed")
    problem(rename(**{"If-None-Match": "*"}), 412, "precondition-failed")
    assert rename(**{"If-Match": '"1", "2"'}).headers["ETag"] == '"2"'


def test_what_is_shown_of_a_product_has_no_tag_for_all_of_it(
    lasting_shop: Shop,
) -> None:
    lasting_shop.register("TAGS-2")
    shown = lasting_shop.client.get("/products/TAGS-2", headers={"If-None-Match": "*"})

    assert refused(shown) == ["If-None-Match"]
    found = lasting_shop.client.get("/products/TAGS-2")
    assert found.headers["Cache-Control"] == "no-store"
