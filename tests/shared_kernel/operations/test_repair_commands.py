"""`dead-letters edit | requeue | repairs`, and `replay | discard` of several."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from shared_kernel.operations.dead_letters_cli import dead_letters_group
from tests.shared_kernel.events.builders import applied
from tests.shared_kernel.operations.shop import Shop
from tests.storehouses import run

pytestmark = pytest.mark.proof_on("postgresql")

WHY = "--why=the lamp was replaced"
ADA = "--who=ada"


def dead_letters(shop: Shop, *arguments: str | Path) -> Result:
    return run(dead_letters_group([shop.service]), *arguments)


def with_input(shop: Shop, text: str, *arguments: str) -> Result:
    group = dead_letters_group([shop.service])
    return CliRunner().invoke(group, list(arguments), input=text)


def shown(shop: Shop, letter: str) -> dict[str, object]:
    return dict(json.loads(dead_letters(shop, "show", letter).output))


def data_of(shop: Shop, letter: str) -> object:
    return dict(json.loads(dead_letters(shop, "show", letter).output))["event"]["data"]


# ------------------------------------------------------------------------------- edit


def test_fields_are_set_and_the_difference_is_shown(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001")

    result = dead_letters(shop, "edit", "shop_read:1", "--set", "watts=40", WHY, ADA)

    assert result.exit_code == 0, result.output
    assert '+  "watts": 40' in result.output
    assert result.output.endswith(
        "shop_read:1: edited, at version 2 now; `dead-letters replay shop_read:1`"
        " applies it\n"
    )
    assert data_of(shop, "shop_read:1") == {"sku": "LAMP-0001", "watts": 40}


def test_all_of_a_payload_comes_from_a_file_or_standard_input(
    shop: Shop, tmp_path: Path
) -> None:
    shop.dead_letter("LAMP-0001")
    file = tmp_path / "lamp.json"
    file.write_text('{"sku": "LAMP-0001", "watts": 41}')

    by_file = dead_letters(shop, "edit", "shop_read:1", "--data", file, WHY)
    by_input = with_input(
        shop,
        '{"sku": "LAMP-0001", "watts": 42}',
        *("edit", "shop_read:1", "--data", "-", WHY),
    )

    assert (by_file.exit_code, by_input.exit_code) == (0, 0)
    assert data_of(shop, "shop_read:1") == {"sku": "LAMP-0001", "watts": 42}


@pytest.mark.parametrize(
    ("setting", "refusal"),
    [
        ("watts=bright", "/watts: expected integer or null, by the schema lamp.lit.v1"),
        ("sku=LAMP-0002", "/sku: expected 'LAMP-0001', the key of the event"),
    ],
)
def test_what_cannot_be_right_is_refused_by_field(
    shop: Shop, setting: str, refusal: str
) -> None:
    shop.dead_letter("LAMP-0001")
    before = shown(shop, "shop_read:1")

    result = dead_letters(shop, "edit", "shop_read:1", "--set", setting, WHY)

    assert result.exit_code == 1
    assert refusal in result.output
    assert shown(shop, "shop_read:1") == before


def test_a_dry_run_checks_and_shows_it_and_changes_nothing(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001")

    result = dead_letters(
        shop, "edit", "shop_read:1", "--set", "watts=40", WHY, "--dry-run"
    )

    assert result.exit_code == 0
    assert '+  "watts": 40' in result.output
    assert data_of(shop, "shop_read:1") == {"sku": "LAMP-0001"}


def test_in_an_editor_a_refused_text_can_be_mended(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.dead_letter("LAMP-0001")
    opened, typed = list[str](), iter(["watts: 40", '{"sku":"LAMP-0001","watts":40}'])

    def editor(text: str, extension: str) -> str:
        opened.append(text)
        return next(typed)

    monkeypatch.setattr(click, "edit", editor)
    monkeypatch.setattr(
        "shared_kernel.operations.edit_cli.has_a_terminal", lambda: True
    )

    result = with_input(shop, "y\ny\n", "edit", "shop_read:1", WHY)

    assert result.exit_code == 0, result.output
    assert opened == ['{\n  "sku": "LAMP-0001"\n}\n', "watts: 40"]
    assert data_of(shop, "shop_read:1") == {"sku": "LAMP-0001", "watts": 40}


def test_without_a_terminal_there_is_no_editor(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001")

    result = dead_letters(shop, "edit", "shop_read:1", WHY)

    assert result.exit_code == 2
    assert "give --data FILE or --set field=value" in result.output


@pytest.mark.parametrize("command", ["edit", "discard"])
@pytest.mark.parametrize("why", [[], ["--why", " "]], ids=["none", "blank"])
def test_a_reason_is_needed(shop: Shop, command: str, why: list[str]) -> None:
    shop.dead_letter("LAMP-0001")

    result = dead_letters(shop, command, "shop_read:1", *why)

    assert result.exit_code == 2
    assert "expected a reason, which is recorded" in result.output


# ---------------------------------------------------------------------------- several


def test_a_filter_chooses_what_is_replayed(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001")
    shop.dead_letter("LAMP-0002")
    shop.repair()

    counted = dead_letters(shop, "replay", "--key", "LAMP-0001", "--dry-run")
    result = dead_letters(shop, "replay", "--key", "LAMP-0001")

    assert counted.output == "Would replay 1 dead letter, and 1 behind.\n"
    assert result.output == "shop_read:1: applied 2 events\n"
    assert applied(shop.reader) == [1, 2]


def test_a_cause_is_discarded_once_its_number_was_confirmed(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001")
    shop.dead_letter("LAMP-0002")
    cause = str(shown(shop, "shop_read:1")["cause"])
    shop.repair()

    refused = with_input(shop, "n\n", "discard", "--cause", cause, WHY)
    result = with_input(shop, "y\n", "discard", "--cause", cause, WHY)

    assert refused.exit_code == 1
    assert "Discard 2 dead letters, and 1 behind? [y/N]: n" in refused.output
    assert result.exit_code == 0, result.output
    assert "shop_read:1: discarded; applied 1 event behind it" in result.output
    assert "shop_read:3: discarded; applied 0 events behind it" in result.output
    assert applied(shop.reader) == [2]


def test_what_is_discarded_is_told_even_if_what_is_behind_it_fails(
    shop: Shop,
) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001")
    shop.failing.positions = {2}

    result = dead_letters(shop, "discard", "shop_read:1", WHY, "--yes")

    assert result.exit_code == 1
    assert (
        "shop_read:1 is discarded; behind it dead letter 2 failed again"
        in result.output
    )


def test_a_subscription_has_no_queue(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001")

    result = dead_letters(shop, "requeue", "shop_read:1")

    assert result.exit_code == 1
    assert "of no queue, but of the subscription 'shop.listing'" in result.output


# ---------------------------------------------------------------------------- repairs


def test_repairs_tell_who_did_what_and_why(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001")
    shop.dead_letter("LAMP-0002")
    dead_letters(shop, "edit", "shop_read:1", "--set", "watts=40", WHY, ADA)
    shop.repair()
    dead_letters(shop, "replay", "shop_read:1", "--who=ben", "--why=mended")
    dead_letters(shop, "discard", "shop_read:2", "--why=a test lamp", ADA, "--yes")

    table = dead_letters(shop, "repairs").output.splitlines()[1:]
    lines = dead_letters(shop, "repairs", "--letter", "shop_read:1", "--json").output
    documents = [json.loads(line) for line in lines.splitlines()]

    assert [row.split()[1:4] for row in table] == [
        ["shop_read:2", "discarded", "ada"],
        ["shop_read:1", "replayed", "ben"],
        ["shop_read:1", "edited", "ada"],
    ]
    assert [(each["action"], each["why"], each["data"]) for each in documents] == [
        ("replayed", "mended", {"sku": "LAMP-0001", "watts": 40}),
        ("edited", "the lamp was replaced", {"sku": "LAMP-0001"}),
    ]
    assert documents[0]["at"] == "2026-03-01T12:00:00Z"


def test_without_repairs_it_says_so(shop: Shop) -> None:
    assert (
        dead_letters(shop, "repairs").output == "Nothing was done with dead letters.\n"
    )


def test_who_comes_too_late_is_told_what_became_of_the_letter(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001")
    dead_letters(shop, "discard", "shop_read:1", "--why=a test lamp", ADA, "--yes")

    result = dead_letters(shop, "edit", "shop_read:1", "--set", "watts=40", WHY)

    assert result.exit_code == 2
    assert "there is no dead letter shop_read:1: it was discarded by ada" in (
        result.output
    )
