"""What a replay would do, asked over HTTP: of one letter and of many."""

from typing import Any

import pytest

from shared_kernel.operations import rehearsal_http
from shared_kernel.repair import rehearsal
from tests.shared_kernel.events.builders import applied
from tests.shared_kernel.operations.shop import Shop, a_client
from tests.web_clients import problem

pytestmark = pytest.mark.proof_on("postgresql")


@pytest.fixture(autouse=True)
def in_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is."""
    monkeypatch.setattr(rehearsal, "BATCH_S", 60)


def rehearsed(shop: Shop, body: Any) -> Any:
    answer = a_client(shop).post("/dead-letters/rehearsal", json=body)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def test_a_rehearsal_tells_which_rows_would_change_and_changes_none(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001")
    shop.repair()

    answer = a_client(shop).post("/dead-letters/shop_read:1/rehearsal")

    assert answer.status_code == 200, answer.text
    found = answer.get_json()
    assert (found["succeeds"], found["applied"], found["waiting"]) == (True, 2, 1)
    added = [each["after"] for each in found["changes"]]
    assert [row["position"] for row in added] == [1, 2]
    assert applied(shop.reader) == []


def test_a_rehearsal_tells_what_would_fail_again(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001")

    found = a_client(shop).post("/dead-letters/shop_read:1/rehearsal").get_json()

    assert found["succeeds"] is False
    assert found["failure"]["letter"] == "shop_read:1"
    assert found["failure"]["message"] == "the bulb is gone"


def test_what_cannot_be_rehearsed_is_refused(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001")
    client = a_client(shop)

    parked = client.post("/dead-letters/shop_read:2/rehearsal")
    unknown = client.post("/dead-letters/shop_read:7/rehearsal")
    changed = client.post(
        "/dead-letters/shop_read:1/rehearsal", headers={"If-Match": '"2"'}
    )

    problem(parked, 409, "dead-letter-not-repairable")
    problem(unknown, 404, "unknown-dead-letter")
    problem(changed, 412, "stale-version")


def test_many_are_summed_up_by_what_would_become_of_them(shop: Shop) -> None:
    for key in ("LAMP-0001", "LAMP-0002", "LAMP-0003"):
        shop.dead_letter(key)
    shop.failing.positions = {2}

    found = rehearsed(shop, {"type": "lamp.lit", "limit": 1})

    assert (found["letters"], found["succeeding"], found["applied"]) == (3, 2, 2)
    assert (found["apart"], found["complete"]) == (0, True)
    ends = [(each["letters"], each["failure"] is None) for each in found["outcomes"]]
    assert ends == [(2, True), (1, False)]
    assert found["outcomes"][1]["example"] == "shop_read:2"
    assert [(each["change"], each["rows"]) for each in found["rows"]] == [("added", 2)]
    (first,) = found["rehearsals"]
    assert first["letter"] == "shop_read:1"


def test_letters_that_were_tried_without_earlier_ones_are_counted(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal, "BATCH", 1)
    monkeypatch.setattr(rehearsal, "MOST_EARLIER", 0)
    for key in ("LAMP-0001", "LAMP-0002"):
        shop.dead_letter(key)
    shop.repair()

    found = rehearsed(shop, {})

    assert found["apart"] == 1
    assert [each["unseen"] for each in found["rehearsals"]] == [0, 1]


def test_more_than_a_request_may_try_is_told(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal_http, "MOST_TRIED", 2)
    for key in ("LAMP-0001", "LAMP-0002"):
        shop.dead_letter(key)

    assert rehearsed(shop, {})["complete"] is True

    shop.dead_letter("LAMP-0003")
    assert rehearsed(shop, {})["complete"] is False
