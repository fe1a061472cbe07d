"""Steps of operators who decide about what failed."""

from typing import Any

from behave import given, then, when

from features.steps_support import dead_letter


@given('a faulty program has renamed product "{sku}" without its status')
def rename_badly(context: Any, sku: str) -> None:
    context.driver.publish_faulty("product.renamed", sku, {"name": "Lamp"})


@when("the listing is rebuilt")
def rebuild(context: Any) -> None:
    context.driver.rebuild_listing()


@then('the operator sees a dead letter of "{sku}", because of its "{field}"')
def failed_because_of(context: Any, sku: str, field: str) -> None:
    found = dead_letter(context, sku)
    assert found["field"] == field, found
    assert found["place"].startswith("catalog."), found


@then('{count:d} changes of "{sku}" wait behind it')
def wait_behind(context: Any, count: int, sku: str) -> None:
    states = [each["state"] for each in context.driver.letters(sku)]
    assert states == ["dead", *["parked"] * count], states


@then('no change of "{sku}" failed')
def nothing_failed(context: Any, sku: str) -> None:
    assert context.driver.letters(sku) == []
