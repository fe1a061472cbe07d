"""A row that fails for an unforeseen reason is tried again, and then a dead letter."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog.adapters import importing
from catalog.adapters.services import SqlCatalogUnitOfWork
from catalog.application.commands import RegisterProduct
from catalog.application.handlers import register_product
from shared_kernel.dead_letters.letter import DeadLetter
from shared_kernel.repair.replay import DeadLetters
from tests.queues import work_off
from tests.web_clients import Shop, a_shop

LAMPS = b"sku,name\nLAMP-0001,Desk lamp\nLAMP-0002,Floor lamp\nLAMP-0003,Lamp\n"


class Bug:
    """Of ours: it fails with one product, until it is mended."""

    def __init__(self) -> None:
        self.mended = False

    def __call__(self, command: RegisterProduct, work: SqlCatalogUnitOfWork) -> int:
        if str(command.sku) == "LAMP-0002" and not self.mended:
            raise ZeroDivisionError("of all things")
        return register_product(command, work)


@pytest.fixture
def bug(monkeypatch: pytest.MonkeyPatch) -> Bug:
    bug = Bug()
    monkeypatch.setattr(importing, "register_product", bug)
    return bug


@pytest.fixture
def shop(tmp_path: Path, bug: Bug) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


@pytest.fixture
def import_id(shop: Shop) -> str:
    answer = shop.client.post("/products/imports", data=LAMPS, content_type="text/csv")
    for _ in range(6):
        work_off(shop.storehouse)
        shop.clock.advance(60)
    return str(answer.get_json()["id"])


def kept(shop: Shop) -> DeadLetters:
    return shop.storehouse.context("catalog").dead_letters["catalog"]


def the_letter(shop: Shop) -> DeadLetter:
    (letter,) = kept(shop).list()
    return letter


def shown(shop: Shop, import_id: str) -> Any:
    found = shop.client.get(f"/products/imports/{import_id}").get_json()
    return found["state"], found["registered"], found["skipped"], found["refused"]


def test_the_letter_has_the_row_and_the_import_goes_on_without_it(
    shop: Shop, import_id: str
) -> None:
    assert shown(shop, import_id) == ("done", 2, 0, 1)
    letter = the_letter(shop)
    row = json.loads(letter.envelope.data)
    assert (row["row"], row["values"]["sku"]) == (3, "LAMP-0002")
    assert row["import_id"] == import_id
    assert letter.failure
    assert (letter.failure.error_type, letter.attempts) == ("ZeroDivisionError", 5)


def test_a_replay_registers_it_and_the_import_counts_it(
    shop: Shop, import_id: str, bug: Bug
) -> None:
    bug.mended = True
    kept(shop).replay(the_letter(shop).number)
    work_off(shop.storehouse)

    assert shown(shop, import_id) == ("done", 3, 0, 0)
    assert kept(shop).list() == []


def test_a_row_that_was_sent_again_meanwhile_is_skipped(
    shop: Shop, import_id: str, bug: Bug
) -> None:
    bug.mended = True
    product = {"sku": "LAMP-0002", "name": "Floor lamp"}
    assert shop.client.post("/products", json=product).status_code == 201
    kept(shop).replay(the_letter(shop).number)
    work_off(shop.storehouse)

    assert shown(shop, import_id) == ("done", 2, 1, 0)


def test_one_that_is_refused_by_now_is_a_dead_letter_at_once(
    shop: Shop, import_id: str, bug: Bug
) -> None:
    bug.mended = True
    product = {"sku": "LAMP-0002", "name": "Another lamp"}
    assert shop.client.post("/products", json=product).status_code == 201
    kept(shop).replay(the_letter(shop).number)
    work_off(shop.storehouse)

    assert shown(shop, import_id) == ("done", 2, 0, 1)
    assert "already registered as 'Another lamp'" in the_letter(shop).reason


def test_the_row_of_a_forgotten_import_is_registered_all_the_same(
    shop: Shop, import_id: str, bug: Bug
) -> None:
    bug.mended = True
    with shop.storehouse.context("catalog").databases[0].writing() as connection:
        for table in ("refusals", "rows", "parts"):
            connection.exec_driver_sql(f"DELETE FROM product_import_{table}")
        connection.exec_driver_sql("DELETE FROM product_imports")
    kept(shop).replay(the_letter(shop).number)
    work_off(shop.storehouse)

    events = shop.storehouse.context("catalog").log.read(0, 10)
    assert [each.key for each in events][2:] == ["LAMP-0002"]
    assert kept(shop).list() == []


@pytest.mark.usefixtures("import_id")
def test_its_edited_data_is_checked(shop: Shop) -> None:
    letter = the_letter(shop)
    row = json.loads(letter.envelope.data)
    row["values"]["name"] = "Standard lamp"

    edited = kept(shop).edit(letter.number, json.dumps(row).encode(), who="a", why="b")

    assert b"Standard lamp" in edited.envelope.data
    with pytest.raises(Exception, match="name"):
        kept(shop).edit(letter.number, b'{"row":3}', who="a", why="b")
