"""`dead-letters rehearse`."""

import json

import pytest
from click.testing import Result

from shared_kernel.operations import rehearsal_texts
from shared_kernel.operations.dead_letters_cli import dead_letters_group
from shared_kernel.repair import rehearsal
from tests.shared_kernel.events.builders import applied
from tests.shared_kernel.operations.shop import LISTING, Shop
from tests.storehouses import run

pytestmark = pytest.mark.proof_on("postgresql")


@pytest.fixture(autouse=True)
def in_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is."""
    monkeypatch.setattr(rehearsal, "BATCH_S", 60)


def rehearse(shop: Shop, *arguments: str) -> Result:
    return run(dead_letters_group([shop.service]), "rehearse", *arguments)


def test_one_letter_is_told_with_the_rows_that_would_change(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0002", "LAMP-0001")
    shop.repair()

    result = rehearse(shop, "shop_read:1")

    assert result.exit_code == 0
    told, *rows = result.output.splitlines()
    assert told == "shop_read:1 lamp.lit LAMP-0001: would succeed, and 1 behind it"
    assert [row.split()[:2] for row in rows] == [["effects", "added:"]] * 2
    assert rows[0].endswith("position=1 key=LAMP-0001")
    assert applied(shop.reader) == [2]


def test_one_that_would_fail_again_is_told_with_the_reason(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", why="first\nsecond \x1b[31mred")

    result = rehearse(shop, "shop_read:1")

    assert result.exit_code == 1
    assert result.output == (
        "shop_read:1 lamp.lit LAMP-0001: would fail again: UnreadableEventError: "
        "first second �[31mred\n"
    )


def test_one_behind_it_that_would_fail_is_named(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001", "LAMP-0001")
    shop.failing.positions = {2}

    (told, row) = rehearse(shop, "shop_read:1").output.splitlines()

    assert told == (
        "shop_read:1 lamp.lit LAMP-0001: would succeed, but shop_read:2 behind it "
        "would fail: UnreadableEventError: the bulb is gone; 1 were not tried"
    )
    assert row.startswith("    effects added")


def test_many_are_summed_up_by_cause(shop: Shop) -> None:
    for key in ("LAMP-0001", "LAMP-0002", "LAMP-0003"):
        shop.dead_letter(key)
    shop.failing.positions = {2}

    result = rehearse(shop, "--all")

    assert result.exit_code == 1
    header, *causes, rows, in_all = result.output.splitlines()
    assert header.split() == ["letters", "applied", "failed", "with", "now", "example"]
    good, bad = causes
    place = "tests.shared_kernel.events.builders:Failing.__call__"
    assert good.split() == [
        *("2", "2", "UnreadableEventError", "in", place, "succeed", "shop_read:1")
    ]
    assert f"fail in {place}: UnreadableEventError: the bulb is gone" in bad
    assert bad.endswith("shop_read:2")
    assert rows == "Rows that would change: 2 added in effects."
    assert in_all == (
        "Of 3 letters, 2 would succeed and 1 would fail again. 2 events would be "
        "applied. Nothing was changed."
    )


def test_letters_that_were_tried_without_earlier_ones_are_told(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal, "BATCH", 1)
    monkeypatch.setattr(rehearsal, "MOST_EARLIER", 0)
    for key in ("LAMP-0001", "LAMP-0002", "LAMP-0003"):
        shop.dead_letter(key)
    shop.repair()

    told = rehearse(shop, "--all").output
    as_json = rehearse(shop, "--all", "--json").output

    assert "2 letters were tried without some of those before, with which" in told
    # Beside them is the warning.
    lines = [line for line in as_json.splitlines() if line.startswith("{")]
    unseen = [json.loads(line)["unseen"] for line in lines]
    assert unseen == [0, 1, 2]


def test_each_is_told_with_changes(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001")
    shop.dead_letter("LAMP-0002")
    shop.repair()

    lines = rehearse(shop, "--all", "--changes").output.splitlines()

    assert [line for line in lines if line.startswith("shop_read:")] == [
        "shop_read:1 lamp.lit LAMP-0001: would succeed",
        "shop_read:2 lamp.lit LAMP-0002: would succeed",
    ]
    assert sum(line.startswith("    effects added: ") for line in lines) == 2


def test_of_very_many_rows_the_first_are_told(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal_texts, "MOST_CHANGES", 1)
    shop.dead_letter("LAMP-0001", "LAMP-0001", "LAMP-0001")
    shop.repair()

    lines = rehearse(shop, "shop_read:1").output.splitlines()

    assert lines[2:] == ["    and 2 more rows; --json has all"]


def test_a_filter_chooses_them(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001")
    shop.dead_letter("LAMP-0002")
    shop.repair()

    lines = rehearse(shop, "--key", "LAMP-0002", "--json").output.splitlines()

    assert [json.loads(line)["letter"] for line in lines] == ["shop_read:2"]
    assert "There are no such" in rehearse(shop, "--key", "LAMP-0009").output


def test_as_json_each_letter_is_an_object(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001", "LAMP-0001")
    shop.failing.positions = {2}

    (line,) = rehearse(shop, "--all", "--json").output.splitlines()

    document = json.loads(line)
    failure = document.pop("failure")
    (change,) = document.pop("changes")
    assert document == {
        "letter": "shop_read:1",
        "subscription": LISTING,
        "type": "lamp.lit",
        "key": "LAMP-0001",
        "succeeds": False,
        "applied": 1,
        "waiting": 2,
        "untried": 1,
        "unseen": 0,
    }
    assert failure["letter"] == "shop_read:2"
    assert failure["error_type"] == "UnreadableEventError"
    assert failure["message"] == "the bulb is gone"
    assert len(failure["cause"]) == 8
    assert failure["trace"]
    number = change["row"]["number"]
    assert change == {
        "table": "effects",
        "change": "added",
        "row": {"number": number},
        "before": None,
        "after": {"number": number, "position": 1, "key": "LAMP-0001"},
    }


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("shop_read:1", "--all"),
        ("shop_read:1", "--key", "A"),
        ("--all", "--key", "A"),
    ],
)
def test_it_is_said_which(shop: Shop, arguments: tuple[str, ...]) -> None:
    result = rehearse(shop, *arguments)

    assert result.exit_code == 2
    assert "name one LETTER, or give a filter, or --all" in result.output


def test_a_letter_that_waits_or_is_unknown_is_refused(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001")

    parked, unknown = rehearse(shop, "shop_read:2"), rehearse(shop, "shop_read:9")

    assert parked.exit_code == 1
    assert "waits behind an earlier one of 'LAMP-0001'" in parked.output
    assert unknown.exit_code == 2
    assert "there is no dead letter shop_read:9" in unknown.output


def test_a_database_that_does_not_answer_is_one_line(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001")
    message = shop.destroy(shop.reader)

    for arguments in (("--all",), ("shop_read:1",)):
        result = rehearse(shop, *arguments)

        assert result.exit_code == 1
        assert message in result.output
