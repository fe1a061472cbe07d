"""`dead-letters list | causes`: chosen by what they are, a page at a time."""

import json
from typing import Any

import pytest
from click.testing import Result

from shared_kernel.operations.dead_letters_cli import dead_letters_group
from tests.shared_kernel.operations.shop import LISTING, Shop
from tests.storehouses import run

pytestmark = pytest.mark.proof_on("postgresql")


def dead_letters(shop: Shop, *arguments: str) -> Result:
    return run(dead_letters_group([shop.service]), *arguments)


def chosen(shop: Shop, *options: str) -> list[int]:
    """The numbers of the listed letters."""
    result = dead_letters(shop, "list", "--json", *options)
    assert result.exit_code == 0, result.output
    letters = [json.loads(line) for line in result.output.splitlines()]
    return [int(each["letter"].removeprefix("shop_read:")) for each in letters]


def causes(shop: Shop, *options: str) -> list[dict[str, Any]]:
    result = dead_letters(shop, "causes", "--json", *options)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


@pytest.fixture
def letters(shop: Shop) -> Shop:
    """1 and 3 are dead, 2 is parked; 3 failed an hour later, and differently."""
    shop.dead_letter("LAMP-0001", "LAMP-0001")
    shop.clock.advance(3600)
    shop.failing.positions, shop.failing.error = {3}, _no_such_bulb
    shop.record("LAMP-0002")
    for _ in range(5):
        shop.read()
        shop.clock.advance(60)
    return shop


def _no_such_bulb() -> Exception:
    return LookupError("no such bulb")


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ([], [1, 2, 3]),
        (["--state", "dead"], [1, 3]),
        (["--state", "parked"], [2]),
        (["--key", "LAMP-0001"], [1, 2]),
        (["--type", "lamp.lit"], [1, 2, 3]),
        (["--type", "lamp.broken"], []),
        (["--subscription", LISTING], [1, 2, 3]),
        (["--subscription", "shop.else"], []),
        (["--since", "2026-03-01T13:00:00Z"], [3]),
        (["--since", "2026-03-01T14:00:00+01:00"], [3]),
        (["--since", "2026-03-01"], [1, 2, 3]),
        (["--since", "2026-03-01T13:00", "--state", "parked"], []),
    ],
)
def test_letters_are_chosen_by_what_they_are(
    letters: Shop, options: list[str], numbers: list[int]
) -> None:
    assert chosen(letters, *options) == numbers


def test_letters_are_chosen_by_their_cause(letters: Shop) -> None:
    (bulb,) = [each for each in causes(letters) if each["error_type"] == "LookupError"]

    assert chosen(letters, "--cause", bulb["cause"]) == [3]


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--since", "yesterday", "expected a day or a moment, such as 2026-03-01"),
        ("--cause", "bulb", "expected 8 hexadecimal digits"),
        ("--state", "gone", "'gone' is not one of 'dead', 'parked'"),
        ("--after", "seven", "names no letter; expected such as shop_read:1"),
    ],
)
def test_an_invalid_choice_is_refused_with_what_is_right(
    shop: Shop, option: str, value: str, expected: str
) -> None:
    result = dead_letters(shop, "list", option, value)

    assert result.exit_code == 2
    assert expected in " ".join(result.output.split())


def test_a_page_says_how_to_go_on(letters: Shop) -> None:
    first = dead_letters(letters, "list", "--limit", "2").output
    rest = dead_letters(letters, "list", "--limit", "2", "--after", "shop_read:2")

    assert first.splitlines()[-1] == "Go on with --after shop_read:2."
    assert [line.split()[0] for line in rest.output.splitlines()[1:]] == ["shop_read:3"]


def test_all_letters_are_listed_however_many_fit_on_a_page(
    letters: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared_kernel.operations.dead_letters_cli.PAGE", 2)

    assert chosen(letters) == [1, 2, 3]
    assert chosen(letters, "--limit", "1", "--after", "shop_read:1") == [2]


def test_many_letters_are_read_as_few_causes(letters: Shop) -> None:
    bulb, gone = sorted(causes(letters), key=lambda each: str(each["error_type"]))

    assert bulb == {
        "database": "shop_read",
        "subscription": LISTING,
        "cause": bulb["cause"],
        "error_type": "LookupError",
        "place": "tests.shared_kernel.events.builders:Failing.__call__",
        "message": "no such bulb",
        "letters": 1,
        "parked": 0,
        "first": "2026-03-01T13:00:00Z",
        "last": "2026-03-01T13:04:00Z",
        "example": "shop_read:3",
    }
    assert (gone["letters"], gone["parked"]) == (1, 1)
    assert gone["message"] == "the bulb is gone"
    assert gone["example"] == "shop_read:1"


def test_causes_are_listed_for_people(letters: Shop) -> None:
    shop, out = letters, dead_letters(letters, "causes").output

    assert len(out.splitlines()) == 3
    assert "LookupError: no such bulb" in out
    assert dead_letters(shop, "causes", "--key", "LAMP-0003").output == (
        "There are no dead letters.\n"
    )
