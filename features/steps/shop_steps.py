"""Steps for the sample data of a real shop, on the command line."""

import csv
import re
from typing import Any

from behave import then, when

from features.steps_support import ROOT, flask_command

SUPERSTORE = ROOT / "samples" / "superstore"


@when("the products of the superstore are imported")
def import_products(context: Any) -> None:
    _flask(context, "catalog-commands", "catalog import", "products.csv")


@when("the order lines of the superstore are replayed")
def replay_orders(context: Any) -> None:
    _flask(context, "inventory", "inventory replay-orders", "order_lines.csv")


@then("{done:d} products are registered and {refused:d} rows are refused")
@then("{done:d} order lines are shipped and {refused:d} rows are refused")
def so_many(context: Any, done: int, refused: int) -> None:
    expected = rf"{done:,} \w+, 0 skipped, {refused:,} refused"
    assert re.match(expected, context.summary), context.summary


@then("each refusal names the product that has the SKU")
def refusals_name_the_product(context: Any) -> None:
    with context.refused.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            assert re.search("is already registered as", row["reason"]), row


@then("all {count:d} products of the superstore are {availability}")
def all_are(context: Any, count: int, availability: str) -> None:
    ours = _superstore_skus()
    shown = [each for each in context.driver.everything() if each["code"] in ours]
    found = {each["availability"] for each in shown}
    assert (len(shown), found) == (count, {availability.replace(" ", "_")})


@then("no piece of them is on hand or reserved")
def nothing_left(context: Any) -> None:
    last = {each.sku: each.data for each in context.driver.events("inventory", 0)}
    ours = [last[sku] for sku in _superstore_skus()]
    assert {(each["on_hand"], each["reserved"]) for each in ours} == {(0, 0)}


def _superstore_skus() -> set[str]:
    with (SUPERSTORE / "products.csv").open(newline="", encoding="utf-8") as file:
        return {row["sku"] for row in csv.DictReader(file)}


def _flask(context: Any, service: str, command: str, file: str) -> None:
    context.refused = context.driver.folder / f"{file}.refused.csv"
    asked = [str(SUPERSTORE / file), "--refused", str(context.refused)]
    output = flask_command(context, service, *command.split(), *asked)
    (context.summary,) = re.findall(r"^\S+\.csv: (.*)$", output, re.MULTILINE)
