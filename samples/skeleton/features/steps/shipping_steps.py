"""Steps for opening parcels and for the parcel list."""

from typing import Any

from behave import step, then

from features.steps_support import attempt, recorded, refusal


@step('the parcel "{reference}" is opened for "{sku}"')
def open_parcel(context: Any, reference: str, sku: str) -> None:
    driver = context.driver
    path, body = f"/parcels/{driver.own(reference)}", {"sku": driver.own(sku)}
    attempt(context, lambda: driver.command("PUT", path, body))


@then('the parcel "{reference}" is for a "{name}"')
def is_for(context: Any, reference: str, name: str) -> None:
    driver = context.driver
    shown = {each["reference"]: each["name"] for each in driver.read("/parcels")}
    assert shown[driver.own(reference)] == name


@then('nothing is recorded of the parcel "{reference}"')
def nothing_recorded(context: Any, reference: str) -> None:
    assert recorded(context, "shipping", reference) == []


@then('that is refused because no product "{sku}" is sold')
def not_sold(context: Any, sku: str) -> None:
    assert refusal(context, "product-not-sold")["sku"] == sku


@then('that is refused because the parcel "{reference}" is for "{sku}"')
def already_opened(context: Any, reference: str, sku: str) -> None:
    details = refusal(context, "parcel-already-opened")
    assert (details["reference"], details["sku"]) == (reference, sku)
