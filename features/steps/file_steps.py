"""Steps for files at the command line."""

import csv
import re
from typing import Any

from behave import given, then, when

from features.drivers.port import as_csv
from features.steps_support import flask_command as flask

NAMES = ("sku", "SKU", "Variant SKU")
COMMANDS = "catalog-commands"


@when("this file is imported, with prices in {currency}")
def import_file(context: Any, currency: str) -> None:
    _import(context, "--currency", currency)


@when("this file is imported as an update, with prices in {currency}")
def update(context: Any, currency: str) -> None:
    _import(context, "--currency", currency, "--update")


@when("this file is imported as a dry run, with prices in {currency}")
def dry_run(context: Any, currency: str) -> None:
    _import(context, "--currency", currency, "--dry-run")


@when("this file of Shopify is imported, with prices in {currency}")
def import_shopify(context: Any, currency: str) -> None:
    _import(context, "--currency", currency, "--preset", "shopify")


@given("the products have been exported")
def export(context: Any) -> None:
    context.driver.settle()
    flask(context, COMMANDS, "catalog", "export", "-o", str(_path(context)))


@when("the exported file is imported as an update")
def import_export(context: Any) -> None:
    context.driver.settle()
    flask(context, COMMANDS, "catalog", "import", str(_path(context)), "--update")
    context.driver.settle()


@then("1 product is registered and 1 row is refused")
def one_registered(context: Any) -> None:
    _reports(context, "1 registered, 0 skipped, 1 refused")


@then("0 products are registered and 1 row is refused")
def none_registered(context: Any) -> None:
    _reports(context, "0 registered, 0 skipped, 1 refused")


@then("1 product would be registered and 1 row is refused")
def one_would_be(context: Any) -> None:
    _reports(context, "1 would be registered, 0 skipped, 1 refused")


@then("1 product is updated")
def one_updated(context: Any) -> None:
    _reports(context, "0 registered, 1 updated, 0 skipped, 0 refused")


@then("{done:d} products are registered, and {left:d} rows are left out")
def registered_and_left_out(context: Any, done: int, left: int) -> None:
    _reports(context, f"{done} registered, {left} skipped, 0 refused")


@then("a row is refused because its price is {one} or {other}")
def two_readings(context: Any, one: str, other: str) -> None:
    assert f"this is {one} or {other}" in _reason(context)


@then("a row is refused because it differs in its {what}")
def differs(context: Any, what: str) -> None:
    assert f"it differs in its {what} (" in _reason(context)


def _import(context: Any, *options: str) -> None:
    path = _file(context, "file.csv")
    context.driver.settle()
    context.refused = context.driver.folder / "refused.csv"
    asked = [str(path), "--refused", str(context.refused), *options]
    context.report = flask(context, COMMANDS, "catalog", "import", *asked)
    context.driver.settle()


def _file(context: Any, name: str) -> Any:
    rows = [
        {
            column: context.driver.own(value) if column in NAMES and value else value
            for column, value in row.items()
        }
        for row in context.table
    ]
    path = context.driver.folder / name
    path.write_text(as_csv(rows), "utf-8", newline="")
    return path


def _path(context: Any) -> Any:
    return context.driver.folder / "exported.csv"


def _reports(context: Any, counts: str) -> None:
    assert re.search(rf": {counts} in ", context.report), context.report


def _reason(context: Any) -> str:
    with context.refused.open(newline="", encoding="utf-8") as file:
        [row] = csv.DictReader(file)
    return str(row["reason"])


@given('this list of counts has been booked because of "{reason}"')
@when('this list of counts is booked because of "{reason}"')
def count(context: Any, reason: str) -> None:
    context.counts = _file(context, "counts.csv")
    _book(context, "import-counts", context.counts, "--reason", reason)


@when("the same list of counts is booked again")
def count_again(context: Any) -> None:
    _book(context, "import-counts", context.counts, "--reason", "Stocktake")


@when("this list of deliveries is booked")
def receive(context: Any) -> None:
    _book(context, "import-receipts", _file(context, "deliveries.csv"))


@when("this list of deliveries is booked as a dry run")
def receive_dry(context: Any) -> None:
    _book(context, "import-receipts", _file(context, "deliveries.csv"), "--dry-run")


@then("1 row would be received and 1 row is refused")
def would_be_received(context: Any) -> None:
    _reports(context, "1 would be received, 0 skipped, 1 refused")


@then("the list has 1 refused row")
def one_refused(context: Any) -> None:
    _reports(context, r"\d+ \w+, 0 skipped, 1 refused")


def _book(context: Any, command: str, path: Any, *options: str) -> None:
    context.driver.settle()
    asked = ["inventory", command, str(path), *options]
    context.report = flask(context, "inventory", *asked)
    context.driver.settle()
