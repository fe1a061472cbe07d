"""Steps for imports of products."""

from typing import Any

from behave import given, step, then, when

from features.steps_support import attempt, refusal
from features.steps_support import flask_command as flask

QUEUE = "new-products"


@when("a file of products is sent")
def send_file(context: Any) -> None:
    def send() -> None:
        context.import_id = context.driver.import_products(_rows(context))

    attempt(context, send)


@when("a file of products is sent as an update, with prices in {currency}")
def send_update(context: Any, currency: str) -> None:
    options = {"update": "true", "currency": currency}
    context.import_id = context.driver.import_products(_rows(context), **options)


@when("a file of products is sent as a dry run of an update")
def send_dry_run(context: Any) -> None:
    options = {"update": "true", "dry_run": "true"}
    context.import_id = context.driver.import_products(_rows(context), **options)


@given("a file of products waits")
def waits(context: Any) -> None:
    send_file(context)


@given("a file of products has been imported")
def has_been_imported(context: Any) -> None:
    send_file(context)
    context.driver.ended_import(context.import_id)


@when('the product "{sku}" is to be registered later as "{name}"')
def register_later(context: Any, sku: str, name: str) -> None:
    context.import_id = context.driver.register_later(sku, name)


@when("the import is cancelled")
def cancel(context: Any) -> None:
    attempt(context, lambda: context.driver.cancel_import(context.import_id))


@given("the workers pause")
def pause(context: Any) -> None:
    flask(context, "catalog-commands", "queues", "pause", QUEUE)


@step("the workers go on")
def resume(context: Any) -> None:
    flask(context, "catalog-commands", "queues", "resume", QUEUE)


@then("the import registers {done:d} product, skips {same:d} and refuses {no:d}")
@then("the import registers {done:d} products, skips {same:d} and refuses {no:d}")
def has_done(context: Any, done: int, same: int, no: int) -> None:
    ended = context.driver.ended_import(context.import_id)
    assert ended["state"] == "done", ended
    counts = ended["registered"], ended["skipped"], ended["refused"]
    assert counts == (done, same, no), ended


@then(
    "the import registers {done:d} product, updates {changed:d}, skips {same:d} and "
    "refuses {no:d}"
)
@then(
    "the import registers {done:d} products, updates {changed:d}, skips {same:d} and "
    "refuses {no:d}"
)
def has_updated(context: Any, done: int, changed: int, same: int, no: int) -> None:
    has_done(context, done, same, no)
    assert _shown(context)["updated"] == changed, _shown(context)


@then("of the rows it tells")
def tells_of_rows(context: Any) -> None:
    found = context.driver.read(_shown(context)["outcomes"])
    told = [(str(each["row"]), each["outcome"]) for each in found]
    assert told == [tuple(row) for row in context.table.rows], found


@then('the import tells that the column "{column}" is left out')
def tells_of_column(context: Any, column: str) -> None:
    assert _shown(context)["remarks"] == [f"columns that are left out: {column}"]


@given("the operator has deleted what waits for the workers")
@when("the operator deletes what waits for the workers")
def purge(context: Any) -> None:
    flask(context, "catalog-commands", "queues", "purge", QUEUE, "--yes")


@then("the import is stuck, because its messages were deleted")
def is_stuck(context: Any) -> None:
    shown = _shown(context)
    assert (shown["state"], shown["ended"]) == ("stuck", None), shown
    assert shown["remedies"][0] == "its messages were discarded or purged"


@then("the import says how to cancel it")
def says_how(context: Any) -> None:
    command = f"`flask --app app catalog cancel-import {context.import_id}`"
    assert _shown(context)["remedies"][-1].startswith(command), _shown(context)


@then("the import is cancelled, with {done:d} products registered")
def is_cancelled(context: Any, done: int) -> None:
    ended = context.driver.ended_import(context.import_id)
    assert (ended["state"], ended["registered"]) == ("cancelled", done), ended


@then("row {row:d} is refused because of its {column}")
def is_refused(context: Any, row: int, column: str) -> None:
    assert _reasons(context)[row].startswith(f"{column} is "), _reasons(context)


@then('row {row:d} is refused because the SKU is taken by "{name}"')
def is_taken(context: Any, row: int, name: str) -> None:
    reason = f"is already registered as {name!r}"
    assert reason in _reasons(context)[row], _reasons(context)


@then('row {row:d} is refused because "{sku}" was changed after the file was sent')
def is_newer(context: Any, row: int, sku: str) -> None:
    reason = f"{context.driver.own(sku)} was changed after this file was sent"
    assert _reasons(context)[row].startswith(reason), _reasons(context)


@then('that is refused because the file has no column "{column}"')
def has_no_column(context: Any, column: str) -> None:
    refused = refusal(context, "unusable-file")
    assert f"no column {column} " in refused["detail"]


@then("that is refused because the import has ended")
def has_ended(context: Any) -> None:
    refusal(context, "import-has-ended")


def _shown(context: Any) -> Any:
    return context.driver.read(f"/products/imports/{context.import_id}")


def _rows(context: Any) -> list[dict[str, str]]:
    return [dict(row.items()) for row in context.table]


def _reasons(context: Any) -> dict[int, str]:
    """The reasons of the refused rows, by row."""
    path = f"/products/imports/{context.import_id}/refusals"
    return {each["row"]: each["reason"] for each in context.driver.read(path)}
