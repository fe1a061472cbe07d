"""`flask --app app queues`, and queues in status, metrics and readiness."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_kernel.operations.operations_cli import status_command
from shared_kernel.operations.queues_cli import queues_group
from shared_kernel.queues.sql import SqlQueue
from shared_kernel.runtime.running import RunningServices
from shared_kernel.serving.application import web_application
from tests.queues import work_off
from tests.storehouses import a_storehouse, run

NAME = "new-products"


@pytest.fixture
def storehouse(tmp_path: Path) -> Iterator[RunningServices]:
    with a_storehouse(tmp_path) as storehouse:
        yield storehouse


@pytest.fixture
def queue(storehouse: RunningServices) -> SqlQueue:
    return storehouse.queues[0].queue


def told(storehouse: RunningServices, *arguments: str) -> str:
    group = queues_group(storehouse.queues, storehouse.runtime.clock)
    result = run(group, *arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_list_has_depth_and_age(
    storehouse: RunningServices, queue: SqlQueue
) -> None:
    queue.add("new.product", "{}")

    (state,) = json.loads(told(storehouse, "list", "--json"))

    assert 0 <= state.pop("oldest_seconds") < 60
    assert state == {
        "name": NAME,
        "waiting": 1,
        "in_flight": 0,
        "oldest_in_flight_seconds": 0.0,
        "attempts": 0,
        "dead": 0,
        "parked": 0,
        "paused": False,
        "lists": {},
        "broker": {
            "kind": "sql",
            "address": queue.database.shown,
            "reachable": True,
            "since": None,
            "too_large": 0,
        },
    }
    assert told(storehouse, "list").splitlines()[1].split()[:3] == [NAME, "1", "0"]


def test_messages_are_shown_a_line_each(
    storehouse: RunningServices, queue: SqlQueue
) -> None:
    first, _ = (queue.add("new.product", payload) for payload in ("a", "b"))

    lines = told(storehouse, "show", NAME, "--limit", "1").splitlines()

    (shown,) = map(json.loads, lines)
    assert (shown["id"], shown["payload"], shown["consumer"]) == (first.id, "a", None)


def test_a_paused_queue_is_not_worked_on_until_it_is_resumed(
    storehouse: RunningServices, queue: SqlQueue
) -> None:
    queue.add("new.product", '{"sku":"L-1","name":"Lamp","stock_count":1}')

    assert told(storehouse, "pause", NAME) == f"{NAME}: paused\n"
    assert told(storehouse, "pause", NAME) == f"{NAME}: was paused already\n"
    work_off(storehouse)
    assert queue.depth().waiting == 1
    assert told(storehouse, "list").splitlines()[1].split()[-1] == "yes"
    assert told(storehouse, "resume", NAME) == f"{NAME}: resumed\n"
    assert told(storehouse, "resume", NAME) == f"{NAME}: was not paused\n"
    work_off(storehouse)

    assert queue.depth().waiting == 0


def test_a_purge_asks_first(storehouse: RunningServices, queue: SqlQueue) -> None:
    queue.add("new.product", "{}")
    group = queues_group(storehouse.queues, storehouse.runtime.clock)

    refused = run(group, "purge", NAME)

    assert (refused.exit_code, queue.depth().waiting) == (1, 1)
    assert "Delete 1 messages" in refused.output
    assert told(storehouse, "purge", NAME, "--yes") == f"{NAME}: deleted 1\n"
    assert queue.depth().waiting == 0


def test_an_unknown_queue_is_refused_with_those_there_are(
    storehouse: RunningServices,
) -> None:
    group = queues_group(storehouse.queues, storehouse.runtime.clock)

    result = run(group, "pause", "lamps")

    assert result.exit_code == 2
    assert f"'lamps' is not '{NAME}'" in result.output


def test_status_and_metrics_have_each_queue(
    storehouse: RunningServices, queue: SqlQueue
) -> None:
    queue.add("new.product", "no product")
    work_off(storehouse)
    queue.add("new.product", "{}")

    status = run(status_command(storehouse.services, storehouse.runtime.clock)).output
    client = web_application(storehouse).test_client()
    metrics = client.get("/metrics").text

    assert status.splitlines()[-1].split()[:3] == [NAME, "1", "0"]
    for line in (
        f'storehouse_queue_waiting{{queue="{NAME}"}} 1.0',
        f'storehouse_queue_in_flight{{queue="{NAME}"}} 0.0',
        f'storehouse_queue_dead{{queue="{NAME}"}} 1.0',
        f'storehouse_queue_paused{{queue="{NAME}"}} 0.0',
        f'storehouse_queue_messages_total{{outcome="dead",queue="{NAME}"}} 1.0',
        f'storehouse_queue_messages_total{{outcome="lost_leases",queue="{NAME}"}} 0.0',
    ):
        assert line in metrics.splitlines()
    # Nothing runs here.
    behind = client.get("/readyz").get_json()["behind"]
    assert f"{NAME}: its worker is not running" in behind


def test_what_is_not_known_is_no_zero(
    storehouse: RunningServices, queue: SqlQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OSError("away")

    monkeypatch.setattr(queue, "depth", away)
    client = web_application(storehouse).test_client()

    metrics = client.get("/metrics").text.splitlines()

    assert f'storehouse_queue_waiting{{queue="{NAME}"}} NaN' in metrics
    (state,) = json.loads(told(storehouse, "list", "--json"))
    assert state["waiting"] is None
    assert f"{NAME}: depth unknown" in client.get("/readyz").get_json()["behind"]
