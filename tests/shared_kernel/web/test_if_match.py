"""`If-Match` refuses a lost update (RFC 9110, §13.1.1)."""

import pytest
from werkzeug.test import TestResponse

from tests.web_clients import Shop, problem


def rename(shop: Shop, if_match: str | None, name: str = "Lamp") -> TestResponse:
    headers = {} if if_match is None else {"If-Match": if_match}
    return shop.client.put(
        "/products/LAMP-1/name", json={"name": name}, headers=headers
    )


def test_a_command_returns_the_next_version_to_expect(shop: Shop) -> None:
    etag = shop.register().headers["ETag"]

    first = rename(shop, etag, "Lamp")
    second = rename(shop, first.headers["ETag"], "Desk lamp")

    assert (etag, first.headers["ETag"], second.headers["ETag"]) == (
        '"1"',
        '"2"',
        '"3"',
    )


def test_the_version_of_a_shown_product_can_be_expected(
    shop: Shop,
) -> None:
    shop.register()
    shown = shop.client.get("/products/LAMP-1").headers["ETag"]

    assert rename(shop, shown).status_code == 200


def test_the_version_of_a_shown_stock_item_can_be_expected(
    shop: Shop,
) -> None:
    shop.register()
    shown = shop.client.get("/stock/LAMP-1").headers["ETag"]

    response = shop.client.post(
        "/stock/LAMP-1/receipts", json={"quantity": 1}, headers={"If-Match": shown}
    )

    assert response.status_code == 200


def test_an_outdated_version_is_refused(shop: Shop) -> None:
    etag = shop.register().headers["ETag"]
    rename(shop, etag, "Lamp")

    document = problem(rename(shop, etag, "Lost"), 412, "stale-version")

    assert (document["seen"], document["current"]) == (1, 2)
    assert shop.listed()["name"] == "Lamp"


@pytest.mark.parametrize(
    "if_match", [None, "*", '"1"', ' "1" ', '"1", "2"', '"1", W/"7"', '"1","x"']
)
def test_a_current_version_or_any_version_matches(
    shop: Shop, if_match: str | None
) -> None:
    shop.register()

    assert rename(shop, if_match).status_code == 200


@pytest.mark.parametrize(
    "if_match",
    [
        pytest.param('W/"1"', id="a weak tag never matches"),
        pytest.param('"2"', id="a version to come"),
        pytest.param('"other"', id="a tag that is not ours"),
        pytest.param('""', id="an empty tag"),
        pytest.param(f'"{"9" * 30}"', id="a version beyond all"),
    ],
)
def test_a_tag_that_no_version_has_is_stale(shop: Shop, if_match: str) -> None:
    shop.register()

    problem(rename(shop, if_match), 412, "stale-version")


@pytest.mark.parametrize("if_match", ["1", '"1', "", '"1" "2"', "W/1"])
def test_an_invalid_entity_tag_is_refused_by_name(shop: Shop, if_match: str) -> None:
    shop.register()

    document = problem(rename(shop, if_match), 400, "invalid-parameter")

    assert document["errors"][0]["parameter"] == "If-Match"
