"""An import whose part is a dead letter says so, and goes on or ends on request."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.queues import consumer_of, let_the_dead_go, work_off
from tests.shared_kernel.queues.builders import Heard, Later
from tests.storehouses import run
from tests.web_clients import Shop, a_shop

LAMPS = b"sku,name\nLAMP-0001,Desk lamp\nLAMP-0002,Floor lamp\n"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


def sent(shop: Shop) -> str:
    answer = shop.client.post("/products/imports", data=LAMPS, content_type="text/csv")
    return str(answer.get_json()["id"])


def shown(shop: Shop, import_id: str) -> Any:
    return shop.client.get(f"/products/imports/{import_id}").get_json()


def command(shop: Shop, *arguments: str) -> Result:
    return run(shop.storehouse.services[0].cli, *arguments)


def its_workers_die(shop: Shop) -> None:
    queue = shop.storehouse.queues[0].queue
    for _ in range(queue.settings.max_attempts):
        assert queue.consumer(1, Heard(), Later()).step() == 1
        let_the_dead_go(shop.storehouse)
        shop.clock.advance(1)
    consumer = consumer_of(shop.storehouse)
    consumer.step()
    consumer.settle()
    consumer.end()


@pytest.fixture
def stuck(shop: Shop) -> str:
    import_id = sent(shop)
    its_workers_die(shop)
    return import_id


def test_it_says_on_what_it_is_stuck_and_what_to_do(shop: Shop, stuck: str) -> None:
    found = shown(shop, stuck)

    assert (found["state"], found["ended"]) == ("stuck", None)
    replay, cancel = found["remedies"]
    assert replay.startswith(
        "TooManyAttemptsError: 5 consumers ended while they processed it: "
        "`flask --app app dead-letters replay catalog:1`"
    )
    assert f"cancel-import {stuck}`" in cancel
    (listed,) = shop.client.get("/products/imports").get_json()
    assert listed["state"] == "stuck"


def test_so_does_the_command_line(shop: Shop, stuck: str) -> None:
    result = command(shop, "imports", stuck)

    assert result.exit_code == 1
    assert "It is stuck after 0 of 2:" in result.stderr
    assert "dead-letters replay catalog:1`" in result.stderr


def test_after_a_replay_it_goes_on(shop: Shop, stuck: str) -> None:
    shop.storehouse.context("catalog").dead_letters["catalog"].replay(1)
    assert (shown(shop, stuck)["state"], shown(shop, stuck)["remedies"]) == (
        "waiting",
        [],
    )

    work_off(shop.storehouse)

    found = shown(shop, stuck)
    assert (found["state"], found["registered"]) == ("done", 2)


def test_later_parts_wait_behind_the_one_that_failed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two rows with the same SKU the first one counts, in whatever part it is."""
    monkeypatch.setattr("catalog.adapters.imports.product_imports.PART", 1)
    import_id = sent(shop)
    its_workers_die(shop)

    work_off(shop.storehouse)

    found = shown(shop, import_id)
    assert (found["state"], found["registered"]) == ("stuck", 0)
    shop.storehouse.context("catalog").dead_letters["catalog"].replay(1)
    shop.clock.advance(2)
    work_off(shop.storehouse)
    found = shown(shop, import_id)
    assert (found["state"], found["registered"]) == ("done", 2)


def test_the_letter_belongs_to_the_trace_of_the_request(shop: Shop) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    shop.client.post(
        "/products/imports",
        data=LAMPS,
        content_type="text/csv",
        headers={"traceparent": trace},
    )
    its_workers_die(shop)

    kept = shop.storehouse.context("catalog").dead_letters["catalog"]
    (letter,) = kept.list()
    assert letter.envelope.traceparent == trace
    kept.replay(letter.number)
    work_off(shop.storehouse)
    events = shop.storehouse.context("catalog").log.read(0, 10)
    assert [each.traceparent for each in events] == [trace] * 2


def test_a_cancellation_ends_it_with_its_dead_letters(shop: Shop, stuck: str) -> None:
    cancelled = shop.client.delete(f"/products/imports/{stuck}")

    assert (cancelled.status_code, cancelled.get_json()["state"]) == (200, "cancelled")
    assert shop.storehouse.context("catalog").dead_letters["catalog"].list() == []


def test_one_whose_messages_were_purged_is_stuck_too(shop: Shop) -> None:
    import_id = sent(shop)
    shop.storehouse.queues[0].queue.purge()

    found = shown(shop, import_id)

    assert found["state"] == "stuck"
    assert found["remedies"][0] == "its messages were discarded or purged"


def test_one_that_is_handled_is_not_stuck(shop: Shop) -> None:
    import_id = sent(shop)
    shop.storehouse.queues[0].queue.consumer(1, Heard(), Later()).step()

    assert shown(shop, import_id)["state"] == "waiting"
