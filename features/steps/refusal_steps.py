"""Steps for refusals and their reasons."""

from typing import Any

from behave import then

from features.steps_support import refusal


@then('that is refused because there is no stock item "{sku}"')
@then('that is refused because there is no product "{sku}"')
def unknown(context: Any, sku: str) -> None:
    assert refusal(context, "unknown-sku")["sku"] == sku


@then("that is refused because a {field:w} has at least 1 character")
@then("that is refused because a {field:w} can be seen")
@then("that is refused because a {field:w} has single spaces only")
@then("that is refused because a {field:w} has nothing invisible")
@then("that is refused because a {field:w} is at least 1 piece")
@then("that is refused because the {field:w} is not in use")
def invalid_value(context: Any, field: str) -> None:
    assert refusal(context, "invalid-value")["field"] == field


@then("that is refused because a price is never negative")
def negative_price(context: Any) -> None:
    assert refusal(context, "invalid-value")["field"] == "minor_units"


@then("{who} is refused because the {what} has changed since he looked")
def stale(context: Any, who: str, what: str) -> None:
    refusal(context, "stale-version", who=who)


@then(
    "that is refused because {asked:d} piece was asked for "
    "and {available:d} are available"
)
@then(
    "that is refused because {asked:d} pieces were asked for "
    "and {available:d} are available"
)
def insufficient(context: Any, asked: int, available: int) -> None:
    details = refusal(context, "insufficient-stock")
    assert (details["asked"], details["available"]) == (asked, available)


@then('that is refused because order "{order}" holds only {count:d} pieces')
def holds_fewer(context: Any, order: str, count: int) -> None:
    details = refusal(context, "shipment-exceeds-reservation")
    assert (details["order"], details["held"]) == (order, count)


@then('that is refused because order "{order}" has shipped nothing')
def shipped_nothing(context: Any, order: str) -> None:
    assert refusal(context, "unknown-shipment")["order"] == order


@then('that is refused because order "{order}" can return only {count:d} piece')
@then('that is refused because order "{order}" can return only {count:d} pieces')
def shipped_fewer(context: Any, order: str, count: int) -> None:
    details = refusal(context, "return-exceeds-shipment")
    assert (details["order"], details["returnable"]) == (order, count)


@then('that is refused because order "{order}" holds nothing')
def holds_nothing(context: Any, order: str) -> None:
    assert refusal(context, "unknown-reservation")["order"] == order


@then('that is refused because order "{order}" has already shipped')
def has_shipped(context: Any, order: str) -> None:
    assert refusal(context, "order-already-shipped")["order"] == order


@then('that is refused because {count:d} pieces were received by "{reference}" before')
def is_received(context: Any, count: int, reference: str) -> None:
    details = refusal(context, "delivery-already-received")
    assert (details["reference"], details["pieces"]) == (reference, count)
    assert "received_on" in details


@then("that is refused because only {count:d} pieces are on hand")
def takes_too_much(context: Any, count: int) -> None:
    assert refusal(context, "correction-exceeds-stock")["on_hand"] == count


@then('that is refused because the SKU is taken by "{name}"')
def is_taken(context: Any, name: str) -> None:
    assert refusal(context, "sku-already-registered")["registered_name"] == name


@then('that is refused because "{sku}" is the same SKU')
def is_taken_in_another_form(context: Any, sku: str) -> None:
    assert refusal(context, "sku-already-registered")["registered_sku"] == sku


@then('that is refused because it is registered as "{sku}"')
def is_registered_otherwise(context: Any, sku: str) -> None:
    assert refusal(context, "unknown-sku")["registered_sku"] == sku


@then("that is refused because the product is discontinued")
def is_discontinued(context: Any) -> None:
    refusal(context, "product-is-discontinued")
