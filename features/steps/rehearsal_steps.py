"""Steps of operators who rehearse what failed."""

from typing import Any

from behave import given, then, when

from features.steps_support import dead_letter


@given('a faulty program has renamed product "{sku}" without its name')
def rename_without_a_name(context: Any, sku: str) -> None:
    data = {"status": "listed", "version": 3}
    context.driver.publish_faulty("product.renamed", sku, data)


@when('{who} rehearses the dead letter of "{sku}"')
def rehearse(context: Any, who: str, sku: str) -> None:
    letter = dead_letter(context, sku)["letter"]
    context.rehearsal = context.driver.rehearse(letter)


@then('it would fail again, because of its "{field}"')
def would_fail(context: Any, field: str) -> None:
    said = context.rehearsal
    assert (said["succeeds"], said["applied"]) == (False, 0), said
    assert said["failure"]["letter"] == said["letter"], said
    assert said["failure"]["field"] == field, said


@then('the next one would fail, because of its "{field}"')
def next_would_fail(context: Any, field: str) -> None:
    failure = context.rehearsal["failure"]
    assert failure["letter"] != context.rehearsal["letter"], failure
    assert failure["field"] == field, failure


@then("nothing would change")
def no_change(context: Any) -> None:
    assert context.rehearsal["changes"] == []


@then("{count:d} change would be applied")
@then("{count:d} changes would be applied")
def would_be_applied(context: Any, count: int) -> None:
    assert context.rehearsal["applied"] == count, context.rehearsal


@then('the listed name of "{sku}" would change from "{before}" to "{after}"')
def name_would_change(context: Any, sku: str, before: str, after: str) -> None:
    (change,) = context.rehearsal["changes"]
    assert context.driver.shown(change["row"]["code"]) == sku, change
    names = change["before"]["name"], change["after"]["name"]
    assert names == (before, after), names
