"""Steps for files of order lines, on the command line."""

import csv
import re
from pathlib import Path
from typing import Any

from behave import step, then, when

from features.steps_support import flask_command


@step('the file "{name}" of order lines has been replayed')
@when('the file "{name}" of order lines is replayed')
def replay(context: Any, name: str) -> None:
    file = context.driver.folder / f"{name}.csv"
    header, own = context.table.headings, context.driver.own
    rows = [
        [own(row[name]) if name == "sku" else row[name] for name in header]
        for row in context.table
    ]
    _write(file, header, rows)
    _replay(context, file)


@when("what was refused is corrected to {pieces:d} pieces and replayed")
def replay_corrected(context: Any, pieces: int) -> None:
    with context.refused.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    place = header.index("quantity")
    corrected = context.driver.folder / "corrected.csv"
    _write(
        corrected,
        header,
        [[*row[:place], str(pieces), *row[place + 1 :]] for row in rows],
    )
    _replay(context, corrected)


@then("{done:d} order lines ship, {same:d} are skipped and {no:d} are refused")
@then("{done:d} order lines ship, {same:d} are skipped and {no:d} is refused")
@then("{done:d} order line ships, {same:d} are skipped and {no:d} are refused")
@then("{done:d} order line ships, {same:d} are skipped and {no:d} is refused")
@then("{done:d} order line ships, {same:d} is skipped and {no:d} are refused")
def so_many(context: Any, done: int, same: int, no: int) -> None:
    expected = f"{done} shipped, {same} skipped, {no} refused"
    assert expected in context.output, context.output


@then(
    "row {row:d} of order lines is refused because it has shipped from the file "
    '"{name}"'
)
def has_shipped(context: Any, row: int, name: str) -> None:
    reason = rf"row {row}: .* has shipped from another file: {name}\.csv, row"
    assert re.search(reason, context.output), context.output


@then("it is told that row {row:d} equals an order line without a name")
def is_told(context: Any, row: int) -> None:
    told = rf"without a name from another file: .*: row {row}$"
    assert re.search(told, context.output, re.MULTILINE), context.output


def _write(file: Path, header: list[str], rows: list[list[str]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([header, *rows])


def _replay(context: Any, file: Path) -> None:
    context.refused = file.with_suffix(".refused.csv")
    asked = [str(file), "--refused", str(context.refused)]
    context.output = flask_command(
        context, "inventory", "inventory", "replay-orders", *asked
    )
