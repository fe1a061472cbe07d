"""`GET /dead-letters`: chosen by what they are, a page at a time; and each whole."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.shared_kernel.operations.shop import LISTING, Shop, a_client
from tests.web_clients import problem

pytestmark = pytest.mark.proof_on("postgresql")


def got(shop: Shop, path: str) -> Any:
    answer = a_client(shop).get(path)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def names(shop: Shop, query: str = "") -> list[str]:
    found = got(shop, f"/dead-letters{query}")
    assert found["not_asked"] == []
    return [each["letter"] for each in found["letters"]]


@pytest.fixture
def letters(shop: Shop) -> Shop:
    """1 is dead, 2 and 3 are parked; 4 is dead since an hour later."""
    shop.dead_letter("LAMP-0001", "LAMP-0001", "LAMP-0001")
    shop.clock.advance(3600)
    shop.dead_letter("LAMP-0002")
    return shop


def test_without_dead_letters_the_list_is_empty(shop: Shop) -> None:
    assert names(shop) == []


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", [1, 2, 3, 4]),
        ("?state=dead", [1, 4]),
        ("?key=LAMP-0002", [4]),
        ("?type=lamp.broken", []),
        (f"?subscription={LISTING}&state=parked", [2, 3]),
        ("?since=2026-03-01T13:00:00Z", [4]),
    ],
)
def test_letters_are_chosen_by_what_they_are(
    letters: Shop, query: str, numbers: list[int]
) -> None:
    assert names(letters, query) == [f"shop_read:{number}" for number in numbers]


def test_letters_are_chosen_by_their_cause(letters: Shop) -> None:
    (cause,) = got(letters, "/dead-letters/causes")["causes"]

    assert (cause["letters"], cause["parked"]) == (2, 2)
    assert names(letters, f"?cause={cause['cause']}") == ["shop_read:1", "shop_read:4"]


def test_pages_are_linked(letters: Shop) -> None:
    client, path, pages = a_client(letters), "/dead-letters?limit=3&type=lamp.lit", []
    while path:
        answer = client.get(path)
        assert answer.json is not None
        pages.append([each["letter"] for each in answer.json["letters"]])
        link = answer.headers.get("Link", "")
        path = link.removeprefix("<").partition(">")[0]
        assert not path or urlsplit(path).path == "/dead-letters"

    assert pages == [["shop_read:1", "shop_read:2", "shop_read:3"], ["shop_read:4"]]


@pytest.mark.parametrize(
    ("query", "parameter", "expected"),
    [
        ("since=soon-or-later", "since", "a day or a moment, such as 2026-03-01"),
        ("cause=a_bulb__", "cause", "8 hexadecimal digits"),
        ("state=gone", "state", "one of dead, parked"),
        ("cursor=", "cursor", "the name of a letter, such as"),
        ("cursor=7", "cursor", "the name of a letter, such as"),
        ("limit=0", "limit", "a whole number from 1 to 1000"),
        ("scope=town", "scope", "one of shop, process"),
    ],
)
def test_an_invalid_parameter_is_refused_with_what_is_right(
    shop: Shop, query: str, parameter: str, expected: str
) -> None:
    answer = a_client(shop).get(f"/dead-letters?{query}")

    (fault,) = problem(answer, 400, "invalid-parameter")["errors"]
    assert fault["parameter"] == parameter
    assert expected in fault["detail"]


def test_a_letter_is_shown_whole_with_its_version_and_what_waits(
    letters: Shop,
) -> None:
    answer = a_client(letters).get("/dead-letters/shop_read:1")

    assert answer.json is not None
    assert answer.headers["ETag"] == '"1"'
    assert (answer.json["state"], answer.json["waiting"]) == ("dead", 2)
    assert answer.json["reason"] == "UnreadableEventError: the bulb is gone"
    assert answer.json["event"]["data"] == {"sku": "LAMP-0001"}
    assert "Failing.__call__" in answer.json["trace"][-1]


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("shop_read:7", "there is no dead letter shop_read:7"),
        ("attic:1", "there is no dead letter attic:1 here: this process has shop_read"),
    ],
)
def test_an_unknown_letter_is_a_problem(shop: Shop, name: str, detail: str) -> None:
    answer = a_client(shop).get(f"/dead-letters/{name}")

    assert problem(answer, 404, "unknown-dead-letter")["detail"] == detail


def test_what_is_no_name_is_refused_with_what_is_one(shop: Shop) -> None:
    answer = a_client(shop).get("/dead-letters/shop_read:seven")

    (fault,) = problem(answer, 400, "invalid-parameter")["errors"]
    assert fault["parameter"] == "letter"
    assert "such as" in fault["detail"]


def test_a_database_that_does_not_answer_is_a_problem(shop: Shop) -> None:
    shop.destroy(shop.reader)

    assert a_client(shop).get("/dead-letters").status_code in (500, 503)
