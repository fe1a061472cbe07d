"""A registration is read in one way, whichever way it comes."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from catalog.adapters.new_products import NewProducts
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import Delivery
from shared_kernel.runtime.running import RunningServices
from shared_kernel.serving.application import web_application
from tests.queues import work_off
from tests.storehouses import a_storehouse, run

LINES = (
    (Path(__file__).parents[1] / "data/files/39-numbers.ndjson")
    .read_text("utf-8-sig")
    .splitlines()
)
OTHERS = [
    '{"sku": "L-1", "name": "Lamp", "colour": "red"}',
    '{"sku": "L-2", "name": "Lamp", "stock_count": 1.5}',
    '{"sku":"L-3","name":"a","price":{"currency":"EUR","minor_units":1,"minor_units":2}}',
    '{"sku": "L-4", "name": "Lamp", "stock_count": true}',
    '{"sku": "L-5"}',
]


@pytest.fixture
def storehouse(tmp_path: Path) -> Iterator[RunningServices]:
    with a_storehouse(tmp_path) as storehouse:
        yield storehouse


def by_file(storehouse: RunningServices, line: str, tmp_path: Path) -> str:
    file = tmp_path / "one.ndjson"
    file.write_text(line, "utf-8")
    return run(storehouse.context("catalog").cli, "import", file).output


def by_message(storehouse: RunningServices, line: str, _: Path) -> str:
    jobs = storehouse.context("catalog").background_jobs
    worker = next(each for each in jobs if isinstance(each, NewProducts))
    message = Envelope(0, line[:40], "", "new.product", "", 1, None, line.encode())
    worker.deliver(Delivery([message], lambda: None, lambda: None))
    worker.step()
    return reasons(storehouse)


def by_queue(storehouse: RunningServices, line: str, _: Path) -> str:
    storehouse.queues[0].queue.add("new.product", line)
    work_off(storehouse)
    return reasons(storehouse)


def by_request(storehouse: RunningServices, line: str, _: Path) -> str:
    client = web_application(storehouse).test_client()
    answer = client.post("/products", data=line, content_type="application/json")
    return answer.text


def reasons(storehouse: RunningServices) -> str:
    letters = storehouse.context("catalog").dead_letters["catalog"].list()
    return "\n".join(letter.reason for letter in letters)


@pytest.mark.parametrize("door", [by_file, by_message, by_queue, by_request])
def test_every_way_accepts_and_refuses_the_same(
    storehouse: RunningServices,
    tmp_path: Path,
    door: Callable[[RunningServices, str, Path], str],
) -> None:
    said, before = {}, ""
    for line in [*LINES, *OTHERS]:
        answer = door(storehouse, line, tmp_path)
        said[line] = answer.removeprefix(before)
        before = answer

    events = storehouse.context("catalog").log.read(0, 100)
    registered = [(e.key, json.loads(e.data)["stock_count"]) for e in events]
    assert registered == [("JN-3", 5), ("JN-4", 0)]
    faulty = ["sku", "stock_count", None, None, "price", "sku"]
    faulty += ["colour", "stock_count", "minor_units", "stock_count", "name"]
    for (line, answer), field in zip(said.items(), faulty, strict=True):
        assert field is None or field in answer, line
