"""`dead-letters list | show | replay | discard`."""

import json

import pytest
from click.testing import Result

from shared_kernel.dead_letters.failure import cause_of
from shared_kernel.operations.dead_letters_cli import dead_letters_group
from tests.databases import Databases
from tests.shared_kernel.events.builders import applied
from tests.shared_kernel.operations.shop import LISTING, Shop, a_shop
from tests.storehouses import run

pytestmark = pytest.mark.proof_on("postgresql")

PLACE = "tests.shared_kernel.events.builders:Failing.__call__"
WHY = "Object missing required field `sku` [/sku] - at `$[red]`"


def dead_letters(shop: Shop, *arguments: str) -> Result:
    return run(dead_letters_group([shop.service]), *arguments)


def left(shop: Shop) -> list[tuple[str, str]]:
    """Name and state of each letter."""
    lines = dead_letters(shop, "list", "--json").output.splitlines()
    return [(each["letter"], each["state"]) for each in map(json.loads, lines)]


def test_without_dead_letters_it_says_so(shop: Shop) -> None:
    assert dead_letters(shop, "list").output == "There are no dead letters.\n"


def test_the_list_shows_failures_with_reasons_and_parked_events(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0002", "LAMP-0001", why=WHY)

    dead, parked = dead_letters(shop, "list").output.splitlines()[1:]

    assert dead.split()[:7] == [
        *("shop_read:1", "dead", LISTING, "shop", "1", "lamp.lit", "LAMP-0001")
    ]
    assert dead.rstrip().endswith(f"UnreadableEventError: {WHY}")
    assert parked.split()[:2] == ["shop_read:2", "parked"]


def test_a_reason_of_several_lines_stays_one_row(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", why="first\nsecond \x1b[31mred")

    (_, row) = dead_letters(shop, "list").output.splitlines()

    assert "first second" in row
    assert "\x1b" not in row


def test_a_letter_is_shown_whole(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", why=WHY)

    shown = json.loads(dead_letters(shop, "show", "shop_read:1").output)

    (envelope,) = shop.log.read(0, 1)
    assert shown["trace"][-1].startswith(PLACE)
    assert shown == {
        "letter": "shop_read:1",
        "state": "dead",
        "subscription": LISTING,
        "reason": f"UnreadableEventError: {WHY}",
        "cause": cause_of("UnreadableEventError", PLACE),
        "error_type": "UnreadableEventError",
        "place": PLACE,
        "field": None,
        "attempts": 1,
        "since": "2026-03-01T12:00:00Z",
        "last": "2026-03-01T12:00:00Z",
        "edited": False,
        "version": 1,
        "trace": shown["trace"],
        "waiting": 0,
        "original": None,
        "event": {
            "position": 1,
            "id": envelope.id,
            "source": "shop",
            "type": "lamp.lit",
            "key": "LAMP-0001",
            "time": "2026-03-01T12:00:00Z",
            "traceparent": None,
            "data": {"sku": "LAMP-0001"},
        },
    }


def test_a_payload_that_is_not_json_is_shown_as_text(shop: Shop) -> None:
    shop.failing.positions = {1}
    shop.record("LAMP-0001", data=b'{"sku": \xff')
    for _ in range(5):
        shop.read()
        shop.clock.advance(60)

    shown = json.loads(dead_letters(shop, "show", "shop_read:1").output)

    assert shown["event"]["data"] == '{"sku": �'
    assert shown["attempts"] == 5


def test_replaying_applies_the_letter_and_those_parked_behind_it(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001", "LAMP-0002")
    shop.repair()

    result = dead_letters(shop, "replay", "shop_read:1")

    assert (result.exit_code, result.output) == (0, "shop_read:1: applied 2 events\n")
    assert applied(shop.reader) == [3, 1, 2]
    assert left(shop) == []


def test_any_process_may_replay(shop: Shop, databases: Databases) -> None:
    shop.dead_letter("LAMP-0001")

    with a_shop(databases, holder="elsewhere:2") as other:
        assert dead_letters(other, "replay", "shop_read:1").exit_code == 0

    shop.repair()
    shop.record("LAMP-0001")
    shop.read()
    assert applied(shop.reader) == [1, 2]


def test_a_letter_that_fails_again_stays_and_shows_the_reason(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001")

    result = dead_letters(shop, "replay", "shop_read:1")

    assert result.exit_code == 1
    assert "shop_read: dead letter 1 failed again" in result.output
    assert "the bulb is gone" in result.output
    assert left(shop) == [("shop_read:1", "dead"), ("shop_read:2", "parked")]


def test_all_dead_letters_can_be_replayed_and_some_may_fail(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001")
    shop.dead_letter("LAMP-0002")

    result = dead_letters(shop, "replay", "--all")

    assert result.exit_code == 1
    assert "shop_read:1: applied 1 event\n" in result.output
    assert result.output.endswith("Error: 1 of 2 failed again\n")
    assert left(shop) == [("shop_read:2", "dead")]


def test_replaying_all_without_dead_letters_succeeds(shop: Shop) -> None:
    assert dead_letters(shop, "replay", "--all").exit_code == 0


def test_a_parked_letter_cannot_be_replayed_before_its_turn(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001")
    shop.repair()

    result = dead_letters(shop, "replay", "shop_read:2")

    assert result.exit_code == 1
    assert "waits behind an earlier one of 'LAMP-0001'" in result.output
    assert applied(shop.reader) == []


def test_discarding_deletes_the_letter_and_applies_the_rest(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001")

    result = dead_letters(shop, "discard", "shop_read:1", "--why=x", "--yes")

    assert result.exit_code == 0
    assert result.output == "shop_read:1: discarded; applied 1 event behind it\n"
    assert applied(shop.reader) == [2]


def test_discarding_asks_first(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001")

    result = dead_letters(shop, "discard", "shop_read:1", "--why=x")

    assert result.exit_code == 1
    assert "Discard shop_read:1, lamp.lit at position 1 of shop? [y/N]" in result.output
    assert left(shop) == [("shop_read:1", "dead")]


@pytest.mark.parametrize("command", ["show", "replay", "discard --why=x", "requeue"])
def test_an_unknown_number_is_refused(shop: Shop, command: str) -> None:
    result = dead_letters(shop, *command.split(), "shop_read:7")

    assert result.exit_code == 2
    assert "there is no dead letter shop_read:7" in result.output


@pytest.mark.parametrize(
    "name", ["7", "attic:7", "shop_read:", "shop_read:-1", "shop_read:" + "9" * 30]
)
def test_an_invalid_name_is_refused_with_a_valid_example(shop: Shop, name: str) -> None:
    result = dead_letters(shop, "show", name)

    assert result.exit_code == 2
    assert "names no letter; expected such as shop_read:1" in result.output


@pytest.mark.parametrize("arguments", [[], ["shop_read:1", "--all"]])
def test_replay_needs_a_letter_or_all(shop: Shop, arguments: list[str]) -> None:
    result = dead_letters(shop, "replay", *arguments)

    assert result.exit_code == 2
    assert "name one LETTER, or give a filter, or --all" in result.output


@pytest.mark.parametrize(
    "arguments", [["list"], ["show", "shop_read:1"], ["replay", "--all"]]
)
def test_a_database_that_does_not_answer_gives_one_clear_line(
    shop: Shop, arguments: list[str]
) -> None:
    why = shop.destroy(shop.reader)

    result = dead_letters(shop, *arguments)

    assert result.exit_code == 1
    assert result.output == f"Error: {why}\n"
