"""Steps of operators who repair what failed."""

from typing import Any

from behave import given, then, when

from features.steps_support import attempt, dead_letter, refusal

DONE = {"corrected": "edited"}


@given('Ada and Ben look at the dead letter of "{sku}"')
def look(context: Any, sku: str) -> None:
    context.seen[sku] = dead_letter(context, sku)["version"]


@when('{who} replays the dead letter of "{sku}"')
def replay(context: Any, who: str, sku: str) -> None:
    _repair(context, sku, who, "replay", {})


@when('{who} discards the dead letter of "{sku}" because "{why}"')
def discard(context: Any, who: str, sku: str, why: str) -> None:
    _repair(context, sku, who, "discard", {"why": why})


@when('{who} corrects the dead letter of "{sku}": it is the listed "{name}"')
def correct(context: Any, who: str, sku: str, name: str) -> None:
    said = {"name": name, "status": "listed", "version": 2}
    _correct(context, sku, who, said)


@when('{who} corrects the name in the dead letter of "{sku}" to "{name}"')
def correct_name(context: Any, who: str, sku: str, name: str) -> None:
    _correct(context, sku, who, {"name": name})


@when('{who} corrects the dead letter of "{sku}": it is the listed "{other}" instead')
def correct_sku(context: Any, who: str, sku: str, other: str) -> None:
    own = context.driver.own(other)
    said = {"sku": own, "name": "Lamp", "status": "listed", "version": 2}
    _correct(context, sku, who, said)


@then('that is refused because the dead letter still lacks its "{field}"')
def still_fails(context: Any, field: str) -> None:
    assert f"`{field}`" in refusal(context, "dead-letter-still-failing")["detail"]


@then('that is refused because of the "{field}" of the dead letter')
def is_refused(context: Any, field: str) -> None:
    assert refusal(context, "invalid-value")["field"] == field


@then('the dead letter of "{sku}" has been tried {count:d} times')
def was_tried(context: Any, sku: str, count: int) -> None:
    assert dead_letter(context, sku)["attempts"] == count


@then('it stays recorded that {who} has {done} a change of "{sku}" because "{why}"')
def stays_recorded(context: Any, who: str, done: str, sku: str, why: str) -> None:
    found = context.driver.repairs(sku)
    recorded = {(each["who"], each["action"], each["why"]) for each in found}
    assert (who, DONE.get(done, done), why) in recorded, recorded


def _correct(context: Any, sku: str, who: str, said: dict[str, Any]) -> None:
    data = dead_letter(context, sku)["event"]["data"] | said
    _repair(context, sku, who, "data", {"data": data, "why": "left out by mistake"})


def _repair(context: Any, sku: str, who: str, how: str, body: Any) -> None:
    letter, seen = dead_letter(context, sku)["letter"], context.seen.get(sku)
    by = "somebody" if seen is None else who

    def repair() -> None:
        context.driver.repair(letter, how, {"who": who, **body}, seen)

    attempt(context, repair, by)
