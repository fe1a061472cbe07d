"""Messages in the queue that other programs have sent, one product each."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_kernel.dead_letters.letter import DeadLetter
from shared_kernel.runtime.running import RunningServices
from tests.queues import work_off
from tests.storehouses import a_storehouse

LAMP = {"name": "Desk lamp", "sku": "LAMP-0001", "stock_count": 5}


@pytest.fixture
def storehouse(tmp_path: Path) -> Iterator[RunningServices]:
    with a_storehouse(tmp_path) as storehouse:
        yield storehouse


def add(storehouse: RunningServices, payload: object) -> None:
    text = payload if isinstance(payload, str) else json.dumps(payload)
    storehouse.queues[0].queue.add("new.product", text)
    work_off(storehouse)


def letters(storehouse: RunningServices) -> list[DeadLetter]:
    return storehouse.context("catalog").dead_letters["catalog"].list()


def test_a_message_registers_a_product_once(storehouse: RunningServices) -> None:
    add(storehouse, LAMP)
    add(storehouse, LAMP)

    (event,) = storehouse.context("catalog").log.read(0, 10)
    assert (event.type, event.key) == ("product.inserted", "LAMP-0001")
    assert letters(storehouse) == []
    assert storehouse.queues[0].queue.depth().waiting == 0


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ("no JSON", "JSON is malformed"),
        ({"name": "Lamp"}, "/sku: is required"),
        (LAMP | {"stock_count": "5"}, "/stock_count: expected integer"),
        (LAMP | {"colour": "red"}, "/colour: no such field"),
        (LAMP | {"sku": "two  spaces"}, "sku"),
        (LAMP | {"name": "Floor lamp"}, "already registered as 'Desk lamp'"),
    ],
)
def test_what_is_refused_is_a_dead_letter_at_once(
    storehouse: RunningServices, payload: object, said: str
) -> None:
    add(storehouse, LAMP)

    add(storehouse, payload)

    (letter,) = letters(storehouse)
    assert said in letter.reason
    assert (letter.subscription, letter.attempts) == ("new-products", 1)
    assert storehouse.context("catalog").log.head() == 1
