"""Dead letters repaired over HTTP: replay, edit, discard, requeue; one and many."""

from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from shared_kernel.operations.letter_names import by_database
from shared_kernel.serving.application import web_application
from tests.queues import work_off
from tests.shared_kernel.events.builders import applied
from tests.shared_kernel.operations.shop import Shop, a_client
from tests.storehouses import a_storehouse
from tests.web_clients import problem

pytestmark = pytest.mark.proof_on("postgresql")

FIRST = "/dead-letters/shop_read:1"
BY_ADA = {"who": "ada", "why": "the lamp was replaced"}


def post(shop: Shop, path: str, body: Any = None, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    client = a_client(shop)
    if body is None:
        return client.post(path, headers=named)
    return client.post(path, json=body, headers=named)


def put(shop: Shop, path: str, body: Any, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return a_client(shop).put(path, json=body, headers=named)


def left(shop: Shop) -> list[tuple[str, str]]:
    """Name and state of each letter."""
    answer = a_client(shop).get("/dead-letters").get_json()
    return [(each["letter"], each["state"]) for each in answer["letters"]]


def done(shop: Shop) -> list[tuple[int, str, str, str]]:
    """Letter, action, who and why of each repair, the newest first."""
    (letters,) = by_database([shop.service]).values()
    return [
        (each.letter, each.action, each.who, each.why) for each in letters.repairs()
    ]


# ----------------------------------------------------------------------------- replay


def test_a_replay_applies_the_letter_and_those_behind_it(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001", "LAMP-0002")
    shop.repair()

    answer = post(shop, f"{FIRST}/replay", BY_ADA)

    assert answer.status_code == 200
    assert answer.json == {"letter": "shop_read:1", "applied": 2}
    assert applied(shop.reader) == [3, 1, 2]
    assert left(shop) == []
    assert done(shop)[0] == (2, "replayed", *BY_ADA.values())


def test_a_replay_needs_no_body(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001")
    shop.repair()

    assert post(shop, f"{FIRST}/replay").status_code == 200


def test_a_second_replay_is_told_that_it_was_done(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001")
    shop.repair()
    post(shop, f"{FIRST}/replay", BY_ADA)

    answer = post(shop, f"{FIRST}/replay")

    detail = problem(answer, 404, "unknown-dead-letter")["detail"]
    assert "it was replayed by ada" in detail
    assert applied(shop.reader) == [1]


def test_a_letter_that_fails_again_stays(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001")

    answer = post(shop, f"{FIRST}/replay")

    document = problem(answer, 409, "dead-letter-still-failing")
    assert (document["letter"], document["applied"]) == ("shop_read:1", 0)
    assert "the bulb is gone" in document["detail"]
    assert left(shop) == [("shop_read:1", "dead"), ("shop_read:2", "parked")]


def test_a_parked_letter_waits_for_its_turn(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001")

    answer = post(shop, "/dead-letters/shop_read:2/replay")

    detail = problem(answer, 409, "dead-letter-not-repairable")["detail"]
    assert "waits behind an earlier one of 'LAMP-0001'" in detail


def test_a_letter_of_another_process_is_not_repaired_here(shop: Shop) -> None:
    answer = post(shop, "/dead-letters/attic:1/replay")

    detail = problem(answer, 404, "unknown-dead-letter")["detail"]
    assert detail.endswith("here: this process has shop_read; no other process has it")


@pytest.mark.parametrize(
    ("path", "body"),
    [("replay", BY_ADA), ("discard", BY_ADA), ("data", {"data": {}, **BY_ADA})],
)
def test_who_has_seen_another_version_is_refused(
    shop: Shop, path: str, body: Any
) -> None:
    shop.dead_letter("LAMP-0001")
    send = put if path == "data" else post

    answer = send(shop, f"{FIRST}/{path}", body, If_Match='"7"')

    document = problem(answer, 412, "stale-version")
    assert (document["key"], document["current"]) == ("shop_read:1", 1)
    assert left(shop) == [("shop_read:1", "dead")]


def test_who_has_seen_the_letter_as_it_is_may_go_on(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001")
    shop.repair()
    seen = a_client(shop).get(FIRST).headers["ETag"]

    assert post(shop, f"{FIRST}/replay", BY_ADA, If_Match=seen).status_code == 200


# ------------------------------------------------------------------------- many of them


def test_many_are_replayed_and_each_is_told(shop: Shop) -> None:
    for key in ("LAMP-0001", "LAMP-0002", "LAMP-0003"):
        shop.dead_letter(key)
    shop.failing.positions = {2}

    first = post(shop, "/dead-letters/replay", {"type": "lamp.lit", "limit": 2})
    assert first.json is not None
    rest = {"type": "lamp.lit", "limit": 2, "after": first.json["next"]}
    second = post(shop, "/dead-letters/replay", rest)

    done, failed = first.json["outcomes"]
    assert done == {"letter": "shop_read:1", "applied": 1, "error": None}
    assert (failed["letter"], failed["applied"]) == ("shop_read:2", 0)
    assert "dead letter 2 failed again" in failed["error"]
    assert (first.json["applied"], first.json["failed"]) == (1, 1)
    assert second.json == {
        "outcomes": [{"letter": "shop_read:3", "applied": 1, "error": None}],
        "applied": 1,
        "failed": 0,
        "next": None,
    }


def test_only_the_chosen_ones_are_replayed(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001")
    shop.dead_letter("LAMP-0002")
    shop.repair()

    answer = post(shop, "/dead-letters/replay", {"key": "LAMP-0001", **BY_ADA})

    assert answer.json is not None
    assert (answer.json["applied"], len(answer.json["outcomes"])) == (2, 1)
    assert left(shop) == [("shop_read:3", "dead")]


def test_many_are_discarded_and_what_waited_is_applied(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001")
    shop.dead_letter("LAMP-0002")
    shop.dead_letter("LAMP-0003")
    shop.repair()

    answer = post(
        shop, "/dead-letters/discard", {"type": "lamp.lit", "limit": 2, **BY_ADA}
    )

    assert answer.json == {
        "outcomes": [
            {"letter": "shop_read:1", "applied": 1, "error": None},
            {"letter": "shop_read:3", "applied": 0, "error": None},
        ],
        "applied": 1,
        "failed": 0,
        "next": "shop_read:3",
    }
    assert left(shop) == [("shop_read:4", "dead")]


def test_nobody_discards_many_without_a_name_and_a_reason(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001")

    answer = post(shop, "/dead-letters/discard", {"key": "LAMP-0001"})

    problem(answer, 422, "missing-field")
    assert left(shop) == [("shop_read:1", "dead")]


def test_of_many_those_of_no_queue_are_told(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001")

    answer = post(shop, "/dead-letters/requeue", {"key": "LAMP-0001"})

    assert answer.json is not None
    (told,) = answer.json["outcomes"]
    assert "is of no queue" in told["error"]
    assert left(shop) == [("shop_read:1", "dead")]


@pytest.mark.parametrize(
    ("body", "kind", "pointer"),
    [
        ({"key": ""}, "invalid-value", "/key"),
        ({"since": "soon"}, "invalid-value", "/since"),
        ({"cause": "bulb"}, "invalid-value", "/cause"),
        ({"after": "seven"}, "invalid-value", "/after"),
        ({"limit": 0}, "out-of-range", "/limit"),
        ({"state": "parked"}, "unknown-field", "/state"),
    ],
)
def test_what_chooses_nothing_right_is_refused_by_field(
    shop: Shop, body: Any, kind: str, pointer: str
) -> None:
    answer = post(shop, "/dead-letters/replay", body)

    (fault,) = problem(answer, 422, kind)["errors"]
    assert fault["pointer"] == pointer


# -------------------------------------------------------------------------------- edit


def test_an_edit_gives_the_letter_other_data(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001")
    better = {"sku": "LAMP-0001", "watts": 40}

    answer = put(shop, f"{FIRST}/data", {"data": better, **BY_ADA}, If_Match='"1"')

    assert answer.status_code == 200, answer.text
    assert answer.headers["ETag"] == '"2"'
    found = a_client(shop).get(FIRST).get_json()
    assert (found["event"]["data"], found["edited"]) == (better, True)
    assert found["original"] == {"sku": "LAMP-0001"}
    assert done(shop) == [(1, "edited", *BY_ADA.values())]


@pytest.mark.parametrize(
    ("data", "pointer", "expected"),
    [
        ({"sku": "LAMP-0001", "watts": "40"}, "/data/watts", "expected integer"),
        ({"sku": "LAMP-0002"}, "/data/sku", "expected 'LAMP-0001', the key"),
        ({}, "/data/sku", "is required"),
    ],
)
def test_data_that_cannot_be_right_is_refused_by_field(
    shop: Shop, data: Any, pointer: str, expected: str
) -> None:
    shop.dead_letter("LAMP-0001")

    answer = put(shop, f"{FIRST}/data", {"data": data, **BY_ADA})

    (fault,) = problem(answer, 422, "invalid-value")["errors"]
    assert fault["pointer"] == pointer
    assert fault["detail"].startswith(expected)


@pytest.mark.parametrize("missing", ["who", "why"])
def test_a_discard_and_an_edit_say_who_and_why(shop: Shop, missing: str) -> None:
    shop.dead_letter("LAMP-0001")
    reason = {name: text for name, text in BY_ADA.items() if name != missing}

    for answer in (
        post(shop, f"{FIRST}/discard", reason),
        put(shop, f"{FIRST}/data", {"data": {}, **reason}),
    ):
        (fault,) = problem(answer, 422, "missing-field")["errors"]
        assert fault["pointer"] == f"/{missing}"
    assert left(shop) == [("shop_read:1", "dead")]


# ----------------------------------------------------------------- discard and requeue


def test_a_discard_deletes_the_letter_and_applies_the_rest(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001")

    answer = post(shop, f"{FIRST}/discard", BY_ADA)

    assert answer.json == {"letter": "shop_read:1", "applied": 1, "failing": None}
    assert applied(shop.reader) == [2]
    assert (1, "discarded", *BY_ADA.values()) in done(shop)


def test_a_discard_tells_which_one_behind_it_fails(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001", "LAMP-0001")
    shop.failing.positions = {3}

    answer = post(shop, f"{FIRST}/discard", BY_ADA)

    assert answer.status_code == 200
    assert answer.json is not None
    assert (answer.json["applied"], answer.json["failing"]["letter"]) == (
        1,
        "shop_read:3",
    )
    assert left(shop) == [("shop_read:3", "dead")]


def test_an_event_has_no_queue_to_go_back_to(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001")

    answer = post(shop, f"{FIRST}/requeue")

    detail = problem(answer, 409, "dead-letter-not-repairable")["detail"]
    assert "is of no queue" in detail


def test_a_letter_of_a_queue_goes_back_to_it(tmp_path: Path) -> None:
    with a_storehouse(tmp_path) as storehouse:
        queue = storehouse.queues[0].queue
        queue.add("new.product", "no product")
        work_off(storehouse)
        client = web_application(storehouse).test_client()
        (letter,) = client.get("/dead-letters").get_json()["letters"]

        answer = client.post(f"/dead-letters/{letter['letter']}/requeue", json=BY_ADA)

        assert answer.json == {"letter": letter["letter"], "requeued": 1}
        assert queue.depth().waiting == 1
        assert client.get("/dead-letters").get_json()["letters"] == []


# ----------------------------------------------------------------------- what was done


def test_what_was_done_is_listed_with_who_and_why(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001")
    shop.dead_letter("LAMP-0002")
    shop.repair()
    post(shop, f"{FIRST}/discard", BY_ADA)
    post(shop, "/dead-letters/shop_read:3/replay", {"who": "bob"})

    def made(query: str) -> list[tuple[str, str, str]]:
        found = a_client(shop).get(f"/dead-letters/repairs{query}").get_json()
        return [(each["letter"], each["action"], each["who"]) for each in found]

    assert made("") == [
        ("shop_read:3", "replayed", "bob"),
        ("shop_read:2", "replayed", "ada"),
        ("shop_read:1", "discarded", "ada"),
    ]
    assert made("?letter=shop_read:1") == [("shop_read:1", "discarded", "ada")]
    assert made("?limit=1&cursor=shop_read:3") == [("shop_read:2", "replayed", "ada")]
    assert made("?letter=attic:1") == []
    link = a_client(shop).get("/dead-letters/repairs?limit=2").headers["Link"]
    assert "cursor=shop_read%3A2" in link
