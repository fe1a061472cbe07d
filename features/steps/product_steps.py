"""Steps for products."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from behave import given, step, then, when

from features.steps_support import attempt, recorded

_SHOWN = {"in stock": "in_stock", "out of stock": "out_of_stock"}


@step('the product "{sku}" is registered as "{name}"')
def register(context: Any, sku: str, name: str) -> None:
    attempt(context, lambda: context.driver.register(sku, name))


@step('the product "{sku}" is registered as "{name}" with {count:d} piece')
@step('the product "{sku}" is registered as "{name}" with {count:d} pieces')
def register_with_pieces(context: Any, sku: str, name: str, count: int) -> None:
    attempt(context, lambda: context.driver.register(sku, name, count))


@step('the product "{sku}" is registered as "{name}" with "{text}" to describe it')
def register_described(context: Any, sku: str, name: str, text: str) -> None:
    register = context.driver.register
    attempt(context, lambda: register(sku, name, description=text))


@step('the product "{sku}" is registered as "{name}" at {amount} {currency:w}')
def register_at(context: Any, sku: str, name: str, amount: str, currency: str) -> None:
    price = (_minor_units(amount), currency)
    attempt(context, lambda: context.driver.register(sku, name, price=price))


@when('the product "{sku}" is renamed to "{name}"')
def rename(context: Any, sku: str, name: str) -> None:
    attempt(context, lambda: context.driver.rename(sku, name))


@given('Ann and Bob both look at product "{sku}"')
def both_look(context: Any, sku: str) -> None:
    context.seen[sku] = context.driver.product_version(sku)


@when('{who} renames product "{sku}" to "{name}"')
def rename_as(context: Any, who: str, sku: str, name: str) -> None:
    seen = context.seen[sku]
    attempt(context, lambda: context.driver.rename(sku, name, seen), who)


@given('the product "{sku}" has been described as "{text}"')
@when('the product "{sku}" is described as "{text}"')
def describe(context: Any, sku: str, text: str) -> None:
    attempt(context, lambda: context.driver.describe(sku, text))


@when('the description of product "{sku}" is taken away')
def take_description_away(context: Any, sku: str) -> None:
    attempt(context, lambda: context.driver.describe(sku, None))


@when('the product "{sku}" is repriced to {amount} {currency:w}')
def reprice(context: Any, sku: str, amount: str, currency: str) -> None:
    price = (_minor_units(amount), currency)
    attempt(context, lambda: context.driver.reprice(sku, price))


@given('the product "{sku}" has been discontinued')
@when('the product "{sku}" is discontinued')
def discontinue(context: Any, sku: str) -> None:
    attempt(context, lambda: context.driver.discontinue(sku))


@when('the product "{sku}" is relisted')
def relist(context: Any, sku: str) -> None:
    attempt(context, lambda: context.driver.relist(sku))


@then('the product "{sku}" is listed as "{name}"')
def is_listed(context: Any, sku: str, name: str) -> None:
    names = {each["code"]: each["name"] for each in context.driver.listed()}
    assert names.get(sku) == name, names


@then('the product "{sku}" is not listed')
def is_not_listed(context: Any, sku: str) -> None:
    assert sku not in {each["code"] for each in context.driver.listed()}


@step('the product "{sku}" is shown as {availability}')
def is_shown(context: Any, sku: str, availability: str) -> None:
    product = context.driver.product(sku)
    assert product["availability"] == _SHOWN.get(availability, availability), product


@then('the product "{sku}" costs {amount} {currency:w}')
def costs(context: Any, sku: str, amount: str, currency: str) -> None:
    price = context.driver.product(sku)["price"]
    assert price == {"minor_units": _minor_units(amount), "currency": currency}, price


@then('the product "{sku}" has no {what}')
def has_no(context: Any, sku: str, what: str) -> None:
    assert context.driver.product(sku)[what] is None


@then('the product "{sku}" shows "{text}"')
def shows(context: Any, sku: str, text: str) -> None:
    assert context.driver.product(sku)["description"] == text


@then('the listing shows "{skus}"')
def listing_shows(context: Any, skus: str) -> None:
    assert [each["code"] for each in context.driver.listed()] == skus.split(", ")


@then('a shopper who looks for "{text}" finds "{skus}"')
def finds(context: Any, text: str, skus: str) -> None:
    found = [each["code"] for each in context.driver.listed(sought=text)]
    assert found == skus.split(", "), found


@then('of what is {availability} the listing shows "{skus}"')
def shows_only(context: Any, availability: str, skus: str) -> None:
    shown = context.driver.listed(_SHOWN.get(availability, availability))
    assert [each["code"] for each in shown] == skus.split(", "), shown


@then('the product "{sku}" was last updated {minutes:d} minutes ago')
def was_updated(context: Any, sku: str, minutes: int) -> None:
    updated = datetime.fromisoformat(context.driver.product(sku)["last_updated"])
    assert (context.driver.now() - updated) // timedelta(minutes=1) == minutes


@then('nothing is recorded of product "{sku}"')
def nothing_recorded(context: Any, sku: str) -> None:
    assert recorded(context, "catalog", sku) == []


def _minor_units(amount: str) -> int:
    return int(Decimal(amount) * 100)


@then('looked up together, "{skus}" are "{found}"')
def looked_up(context: Any, skus: str, found: str) -> None:
    driver = context.driver
    query = "&".join(f"sku={quote(driver.own(sku))}" for sku in skus.split(", "))
    shown = [driver.shown(each["code"]) for each in driver.read(f"/products?{query}")]
    assert shown == found.split(", "), shown
