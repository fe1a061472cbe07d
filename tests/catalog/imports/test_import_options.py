"""Imports that update, rehearse, or read files of other shops: done by workers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog.adapters.imports import import_parts, product_imports
from shared_kernel.storage.errors import ConcurrentUpdateError
from tests.databases import Databases
from tests.queues import consumer_of, work_off
from tests.web_clients import Shop, a_shop, problem

pytestmark = pytest.mark.proof_on("postgresql")

IMPORTS = "/products/imports"
FILES = Path(__file__).parents[2] / "data" / "files"
BEFORE = b"sku,name,price\nA,Lamp,5.00\nB,Chair,5.00\nC,Desk,\n"
AFTER = (
    b"sku,name,price,stock_count,colour\nA,Desk lamp,6.00,9,red\nB,Chair,,,\n"
    b"D,Shelf,7.00,1,\nd,Low shelf,,,\nD,Long shelf,,,\nE,,,,\n"
    b"A,Standing lamp,,,\n"
)
EUR = {"currency": "EUR"}


@pytest.fixture
def shop(databases: Databases) -> Iterator[Shop]:
    with a_shop(databases) as shop:
        yield shop


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """So rows depend on those of earlier parts."""
    monkeypatch.setattr(product_imports, "PART", 2)


def send(shop: Shop, content: bytes, **options: Any) -> str:
    """The path of the import, which waits."""
    response = shop.client.post(
        IMPORTS, data=content, content_type="text/csv", query_string=options
    )
    assert response.status_code == 202, response.text
    return response.headers["Location"]


def done(shop: Shop, content: bytes, **options: Any) -> dict[str, Any]:
    """The import, once workers have done it."""
    where = send(shop, content, **options)
    work_off(shop.storehouse)
    return shown(shop, where)


def shown(shop: Shop, where: str) -> dict[str, Any]:
    found: dict[str, Any] = shop.client.get(where).get_json()
    return found


def counts(found: dict[str, Any]) -> tuple[str, int, int, int, int]:
    assert found["rows"] == sum(
        found[name] for name in ("registered", "updated", "skipped", "refused")
    )
    return (
        found["state"],
        found["registered"],
        found["updated"],
        found["skipped"],
        found["refused"],
    )


def reasons(shop: Shop, found: dict[str, Any]) -> dict[int, str]:
    listed = shop.client.get(found["refusals"]).get_json()
    return {each["row"]: each["reason"] for each in listed}


def events(shop: Shop) -> list[tuple[str, str]]:
    log = shop.storehouse.context("catalog").log
    return [(each.type, each.key) for each in log.read(0, 100)]


def test_an_update_makes_what_differs_as_the_file_says(shop: Shop) -> None:
    done(shop, BEFORE, **EUR)

    found = done(shop, AFTER, update="true", **EUR)

    assert counts(found) == ("done", 1, 3, 1, 2)
    assert found["options"]["update"] is True
    of_columns, of_counts = found["remarks"]
    assert of_columns == "columns that are left out: colour"
    assert of_counts.startswith("registered already, so stock_count is not used")
    assert of_counts.endswith(": row 2")
    assert set(reasons(shop, found)) == {5, 7}
    assert events(shop)[3:] == [
        ("product.renamed", "A"),
        ("product.repriced", "A"),
        ("product.inserted", "D"),
        ("product.renamed", "D"),
        ("product.renamed", "A"),
    ]


def test_a_dry_run_tells_of_each_row_what_an_import_then_does(shop: Shop) -> None:
    done(shop, BEFORE, **EUR)
    before = events(shop)

    dry = done(shop, AFTER, update="true", dry_run="true", **EUR)
    outcomes = shop.client.get(dry["outcomes"]).get_json()
    assert events(shop) == before

    real = done(shop, AFTER, update="true", **EUR)
    assert counts(dry) == counts(real)
    assert dry["remarks"] == real["remarks"]
    assert reasons(shop, dry) == reasons(shop, real)
    assert [(each["row"], each["outcome"]) for each in outcomes] == [
        (2, "updated"),
        (3, "skipped"),
        (4, "registered"),
        (5, "refused"),
        (6, "updated"),
        (7, "refused"),
        (8, "updated"),
    ]
    assert outcomes[0]["detail"] == (
        "name ('Lamp' there, 'Desk lamp' here), price (5.00 EUR there, 6.00 EUR here)"
    )
    assert outcomes[3]["detail"] == reasons(shop, real)[5]


def test_outcomes_are_paged_and_only_of_dry_runs(shop: Shop) -> None:
    dry = done(shop, AFTER, dry_run="true", **EUR)
    pages, following = [], f"{dry['outcomes']}?limit=4"
    while following:
        page = shop.client.get(following)
        pages.append([each["row"] for each in page.get_json()])
        link = page.headers.get("Link", "")
        following = link.split(">")[0].removeprefix("<")

    assert pages == [[2, 3, 4, 5], [6, 7, 8]]
    real = done(shop, AFTER, **EUR)
    assert real["outcomes"] is None
    refused = shop.client.get(f"{dry['outcomes'].replace(dry['id'], real['id'])}")
    problem(refused, 409, "no-dry-run")


@pytest.mark.parametrize("dry", ["true", "false"])
def test_what_was_changed_after_the_file_was_sent_is_newer(
    shop: Shop, dry: str
) -> None:
    """Whether the worker came late, or one had died before."""
    done(shop, BEFORE, **EUR)
    where = send(shop, AFTER, update="true", dry_run=dry, **EUR)
    shop.client.put("/products/A/name", json={"name": "Reading lamp"})
    shop.client.put("/products/B/price", json={"minor_units": 1, "currency": "EUR"})
    shop.register("D", name="Board")
    before = events(shop)

    work_off(shop.storehouse)

    found = shown(shop, where)
    assert counts(found) == ("done", 0, 0, 1, 6)
    told = reasons(shop, found)
    assert told[2].startswith("A was changed after this file was sent, so it stays")
    assert told[4].startswith("D was registered after this file was sent, so it stays")
    assert "name ('Board' there, 'Shelf' here)" in told[4]
    assert events(shop) == before


def test_what_is_changed_after_its_row_stays_changed(shop: Shop) -> None:
    """No row is done twice, though its import goes on later."""
    done(shop, BEFORE, **EUR)
    where = send(shop, AFTER, update="true", **EUR)
    consumer = consumer_of(shop.storehouse)
    consumer.step()
    consumer.settle()
    shop.client.put("/products/A/name", json={"name": "Reading lamp"})

    consumer.end()
    work_off(shop.storehouse)

    found = shown(shop, where)
    assert counts(found) == ("done", 1, 2, 1, 3)
    assert reasons(shop, found)[8].startswith("A was changed after this file was sent")
    assert shop.listed("A")["name"] == "Reading lamp"


def test_a_transaction_that_is_repeated_does_not_take_its_own_changes_for_others(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(shop, BEFORE, **EUR)
    record, attempts = import_parts.record, []

    def conflicting_once(*given: Any) -> bool:
        attempts.append(given)
        if len(attempts) == 1:
            raise ConcurrentUpdateError("another one was faster")
        return record(*given)

    monkeypatch.setattr(import_parts, "record", conflicting_once)

    found = done(shop, AFTER, update="true", **EUR)

    assert counts(found) == ("done", 1, 3, 1, 2)
    assert len(attempts) == 5


def test_a_file_of_another_shop_is_read_by_its_preset(shop: Shop) -> None:
    content = (FILES / "46-shopify-variants.csv").read_bytes()

    found = done(shop, content, preset="shopify", sku_from="handle", **EUR)

    assert counts(found) == ("done", 3, 0, 2, 0)
    assert found["remarks"] == [
        "left out as an image, without a variant: row 4",
        "left out as a draft: row 6",
    ]
    assert found["options"] == {
        "update": False,
        "dry_run": False,
        "currency": "EUR",
        "decimal_mark": None,
        "preset": "shopify",
        "sku_from": "handle",
    }
    assert shop.listed("lamp")["price"] == {"minor_units": 5999, "currency": "EUR"}


def test_a_decimal_mark_tells_what_an_amount_means(shop: Shop) -> None:
    found = done(shop, b'sku,name,price\nA,a,"1,234"\n', decimal_mark=",", **EUR)

    assert "expected at most 2 decimals" in reasons(shop, found)[2]
    found = done(shop, b'sku,name,price\nA,a,"1,234"\n', decimal_mark=".", **EUR)
    assert shop.listed("A")["price"]["minor_units"] == 123400


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"update": "yes"}, "update: expected true or false"),
        (
            {"currency": "eur"},
            "currency: 'eur' is no ISO 4217 code in use, such as EUR",
        ),
        ({"preset": "shopify"}, "currency: expected with the preset shopify"),
        ({"preset": "ebay"}, "preset: expected one of shopify, woocommerce"),
        ({"sku_from": "handle"}, "sku_from: handle goes with the preset shopify alone"),
        ({"decimal_mark": "'"}, "decimal_mark: expected one of ., ,"),
    ],
)
def test_options_that_make_no_sense_are_refused_with_what_would(
    shop: Shop, query: dict[str, str], said: str
) -> None:
    response = shop.client.post(
        IMPORTS, data=BEFORE, content_type="text/csv", query_string=query
    )

    document = problem(response, 400, "invalid-parameter")
    assert said in document["detail"]
    assert document["errors"][0]["parameter"] == said.partition(":")[0]
    assert shop.client.get(IMPORTS).get_json() == []


def test_a_row_without_an_outcome_keeps_an_import_from_its_end(shop: Shop) -> None:
    """The law for files: rows = registered + updated + skipped + refused."""
    where = send(shop, BEFORE, **EUR)
    consumer = consumer_of(shop.storehouse)
    consumer.step()
    with shop.storehouse.queues[0].queue.database.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE product_import_parts SET registered = 1 WHERE part = 0"
        )
    for _ in range(2 * shop.storehouse.queues[0].queue.settings.max_attempts):
        shop.clock.advance(60)
        consumer.step()
    consumer.end()

    found = shown(shop, where)
    assert found["state"] == "stuck"
    assert "of 3 rows 2 have an outcome" in found["remedies"][0]
    assert events(shop) == [("product.inserted", "A"), ("product.inserted", "B")]
