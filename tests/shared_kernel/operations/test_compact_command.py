"""`flask --app app events compact`: its effects and its output."""

from typing import Any

import msgspec
import pytest
from click.testing import Result

from shared_kernel.events.compaction import Compaction
from shared_kernel.operations.compact_cli import compact_command
from shared_kernel.operations.other_processes import Answers, NotAsked, OtherProcesses
from shared_kernel.runtime.workers import Workers
from tests.shared_kernel.operations.shop import Shop, a_client
from tests.storehouses import run

pytestmark = pytest.mark.proof_on("postgresql")

DAY_S = 24 * 3600


def compact(shop: Shop, *options: str, history_days: int = 0) -> Result:
    command = compact_command([shop.service], shop.clock, history_days)
    return run(command, *options)


def positions(shop: Shop) -> list[int]:
    return [envelope.position for envelope in shop.log.read(0, 1000)]


@pytest.fixture
def busy(shop: Shop) -> Shop:
    """All events are published and read."""
    shop.record(*"ABAABA")
    shop.publish()
    shop.read()
    return shop


def test_it_shows_how_many_were_deleted_and_kept(busy: Shop) -> None:
    result = compact(busy)

    assert result.exit_code == 0
    assert result.stdout == (
        "shop: looked at 6 events up to position 6 of 6: 2 deleted, 4 kept\n"
    )
    assert positions(busy) == [1, 2, 5, 6]


def test_a_dry_run_shows_how_many_would_be_deleted(busy: Shop) -> None:
    result = compact(busy, "--dry-run")

    assert result.stdout == (
        "shop: looked at 6 events up to position 6 of 6: 2 would be deleted, 4 kept\n"
    )
    assert positions(busy) == [1, 2, 3, 4, 5, 6]


def test_recent_events_stay(busy: Shop) -> None:
    busy.clock.advance(2 * DAY_S)
    busy.record(*"AB")
    busy.publish()
    busy.read()

    result = compact(busy, history_days=2)
    assert result.stdout == "shop: nothing to compact, the log ends at position 8\n"

    busy.clock.advance(1)
    result = compact(busy, history_days=2)
    assert result.stdout.startswith("shop: looked at 6 events up to position 6 of 8: ")
    assert positions(busy) == [1, 2, 5, 6, 7, 8]

    assert compact(busy, "--keep-days", "3").stdout.startswith("shop: nothing")
    compact(busy, "--keep-days", "0")
    assert positions(busy) == [1, 2, 7, 8]


def test_unpublished_events_stay(busy: Shop) -> None:
    busy.record(*"AAA")
    busy.read()

    result = compact(busy)

    assert result.stdout.endswith("shop: shop.relay has come to position 6\n")
    assert positions(busy) == [1, 2, 5, 6, 7, 8, 9]


def test_unread_events_stay(busy: Shop) -> None:
    busy.record(*"AAA")
    busy.publish()

    result = compact(busy)

    assert result.stdout.endswith("shop: shop.listing has come to position 6\n")
    assert positions(busy) == [1, 2, 5, 6, 7, 8, 9]


def test_a_subscription_that_has_never_read_keeps_everything(shop: Shop) -> None:
    shop.record(*"AAA")
    shop.publish()

    result = compact(shop)

    assert result.stdout == (
        "shop: nothing to compact, the log ends at position 3\n"
        "shop: shop.listing has come to position 0\n"
    )
    assert positions(shop) == [1, 2, 3]


def test_keys_with_dead_letters_keep_everything(busy: Shop) -> None:
    busy.dead_letter("A", "A", "B")
    busy.publish()

    compact(busy)

    assert positions(busy) == [1, 2, 3, 4, 6, 7, 8, 9]


def test_keys_with_discarded_events_keep_everything(busy: Shop) -> None:
    busy.dead_letter("A", "A", "B")
    busy.publish()
    busy.repair()
    busy.service.dead_letters["shop_read"].discard(1)

    compact(busy)

    assert positions(busy) == [1, 2, 3, 4, 6, 7, 8, 9]


def test_keys_with_edited_events_keep_everything(busy: Shop) -> None:
    """What readers show depends on what was edited, not on what the log has."""
    busy.dead_letter("A", "A", "B")
    busy.publish()
    letters = busy.service.dead_letters["shop_read"]
    letters.edit(1, b'{"sku":"A","watts":1}', who="ada", why="watts")
    busy.repair()
    letters.replay(1)

    compact(busy)

    assert positions(busy) == [1, 2, 3, 4, 6, 7, 8, 9]


class Elsewhere(OtherProcesses):
    """One other process that answers, and one that does not."""

    def find(self, path: str, body: type[Any]) -> Answers[Any]:
        assert path == "/readers/shop"
        document = msgspec.json.decode(b'{"read":{"far":5},"keys":["A"]}', type=body)
        return Answers([document], [NotAsked("shed", "it is away")])


def test_readers_of_other_processes_keep_what_they_need(busy: Shop) -> None:
    busy.record(*"BB")
    busy.publish()
    busy.read()

    command = compact_command([busy.service], busy.clock, 0, Elsewhere())
    result = run(command)

    assert positions(busy) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert "far has come to position 5" in result.stdout
    assert "shed could not be asked what it still needs: it is away" in result.stderr


def test_a_process_tells_others_what_its_readers_need(busy: Shop) -> None:
    busy.dead_letter("A", "A", "B")
    client = a_client(busy, Workers())

    answer = client.get("/readers/shop").get_json()

    assert answer == {"read": {"shop.listing": 9}, "keys": ["A"]}
    assert client.get("/readers/shed").status_code == 404


@pytest.mark.parametrize("options", [["--source", "shed"], ["--keep-days", "-1"]])
def test_invalid_options_are_refused(busy: Shop, options: list[str]) -> None:
    result = compact(busy, *options)

    assert result.exit_code == 2
    assert len(positions(busy)) == 6


def test_a_process_without_a_log_says_so(shop: Shop) -> None:
    result = run(compact_command([], shop.clock, 30))

    assert (result.exit_code, result.stdout) == (0, "This process has no event log.\n")


def test_a_database_that_does_not_answer_gives_one_clear_line(busy: Shop) -> None:
    why = busy.destroy(busy.reader)

    result = compact(busy)

    assert result.exit_code == 1
    assert result.output == f"Error: {why}\n"
    assert len(positions(busy)) == 6


def test_ctrl_c_ends_it_with_a_line(
    busy: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(compaction: Compaction) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Compaction, "step", interrupted)
        result = compact(busy)

    assert result.exit_code == 130
    assert "run it again" in result.stderr
    assert compact(busy).exit_code == 0
