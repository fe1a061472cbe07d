"""Steps for stock items."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from behave import given, then, when

from features.drivers.port import Json
from features.steps_support import announced, attempt, holds, recorded


@given('the stock item "{sku}" has {count:d} piece on hand')
@given('the stock item "{sku}" has {count:d} pieces on hand')
def there_is_stock(context: Any, sku: str, count: int) -> None:
    context.driver.open(sku, count)


@when('the stock item "{sku}" is opened with {count:d} pieces')
def open_stock(context: Any, sku: str, count: int) -> None:
    attempt(context, lambda: context.driver.open(sku, count))


@when('{count:d} pieces of stock item "{sku}" are received')
def receive(context: Any, count: int, sku: str) -> None:
    attempt(context, lambda: context.driver.receive(sku, count))


@given('{count:d} pieces of stock item "{sku}" were received by "{reference}"')
@when('{count:d} pieces of stock item "{sku}" are received by "{reference}"')
def receive_by(context: Any, count: int, sku: str, reference: str) -> None:
    receive = context.driver.receive
    attempt(context, lambda: receive(sku, count, reference=reference))


@given('Ann and Bob both look at stock item "{sku}"')
def both_look(context: Any, sku: str) -> None:
    context.seen[sku] = context.driver.level(sku)["version"]


@when('{who} books {count:d} received pieces of stock item "{sku}"')
def book(context: Any, who: str, count: int, sku: str) -> None:
    seen = context.seen[sku]
    attempt(context, lambda: context.driver.receive(sku, count, seen), who)


@when('{count:d} pieces of stock item "{sku}" are counted because of "{reason}"')
def count_stock(context: Any, count: int, sku: str, reason: str) -> None:
    attempt(context, lambda: context.driver.count(sku, count, reason))


@when('{who} counts {count:d} pieces of stock item "{sku}" because of "{reason}"')
def somebody_counts(context: Any, who: str, count: int, sku: str, reason: str) -> None:
    attempt(context, lambda: context.driver.count(sku, count, reason, who))


@when('{count:d} piece of stock item "{sku}" is booked as {reason:w}')
@when('{count:d} pieces of stock item "{sku}" are booked as {reason:w}')
def correct(context: Any, count: int, sku: str, reason: str) -> None:
    difference = count if reason == "found" else -count
    attempt(context, lambda: context.driver.correct(sku, difference, reason))


@when('{count:d} pieces of stock item "{sku}" are counted because of ""')
def count_without_reason(context: Any, count: int, sku: str) -> None:
    attempt(context, lambda: context.driver.count(sku, count, ""))


@given('order "{order}" has reserved {count:d} piece of stock item "{sku}"')
@given('order "{order}" has reserved {count:d} pieces of stock item "{sku}"')
def has_reserved(context: Any, order: str, count: int, sku: str) -> None:
    context.driver.reserve(sku, order, count)


@given(
    'order "{order}" has reserved {count:d} pieces of stock item "{sku}" '
    "for {minutes:d} minutes"
)
def has_reserved_for(
    context: Any, order: str, count: int, sku: str, minutes: int
) -> None:
    context.driver.reserve(sku, order, count, minutes)


@when(
    'order "{order}" reserves {count:d} pieces of stock item "{sku}" '
    "for {minutes:d} minutes"
)
def reserve_for(context: Any, order: str, count: int, sku: str, minutes: int) -> None:
    attempt(context, lambda: context.driver.reserve(sku, order, count, minutes))


@when('order "{order}" reserves {count:d} piece of stock item "{sku}"')
@when('order "{order}" reserves {count:d} pieces of stock item "{sku}"')
def reserve(context: Any, order: str, count: int, sku: str) -> None:
    attempt(context, lambda: context.driver.reserve(sku, order, count))


@given('order "{order}" has released stock item "{sku}"')
def has_released(context: Any, order: str, sku: str) -> None:
    context.driver.release(sku, order)


@when('order "{order}" releases stock item "{sku}"')
def release(context: Any, order: str, sku: str) -> None:
    attempt(context, lambda: context.driver.release(sku, order))


@given('order "{order}" has shipped {count:d} pieces of stock item "{sku}"')
def has_shipped(context: Any, order: str, count: int, sku: str) -> None:
    context.driver.reserve(sku, order, count)
    context.driver.ship(sku, order)


@given('order "{order}" has shipped {count:d} of them from stock item "{sku}"')
def has_shipped_part(context: Any, order: str, count: int, sku: str) -> None:
    context.driver.ship(sku, order, count)


@when('order "{order}" ships {count:d} piece from stock item "{sku}"')
@when('order "{order}" ships {count:d} pieces from stock item "{sku}"')
def ship_part(context: Any, order: str, count: int, sku: str) -> None:
    attempt(context, lambda: context.driver.ship(sku, order, count))


@given('order "{order}" has returned {count:d} piece of stock item "{sku}"')
def has_returned(context: Any, order: str, count: int, sku: str) -> None:
    context.driver.take_back(sku, order, count)


@when('order "{order}" returns {count:d} piece of stock item "{sku}"')
@when('order "{order}" returns {count:d} pieces of stock item "{sku}"')
def take_back(context: Any, order: str, count: int, sku: str) -> None:
    attempt(context, lambda: context.driver.take_back(sku, order, count))


@when('order "{order}" ships from stock item "{sku}"')
def ship(context: Any, order: str, sku: str) -> None:
    attempt(context, lambda: context.driver.ship(sku, order))


@given("{minutes:d} minutes have passed")
@when("{minutes:d} minutes pass")
def let_pass(context: Any, minutes: int) -> None:
    context.driver.let_pass(minutes)


@given('the reorder point of stock item "{sku}" is {count:d} pieces')
@when('the reorder point of stock item "{sku}" is set to {count:d} pieces')
def set_reorder_point(context: Any, sku: str, count: int) -> None:
    context.driver.set_reorder_point(sku, count)


@given('the stock item "{sku}" is retired')
@when('the stock item "{sku}" is retired')
def retire(context: Any, sku: str) -> None:
    context.driver.retire(sku)


@when('the stock item "{sku}" is reopened')
def reopen(context: Any, sku: str) -> None:
    context.driver.reopen(sku)


@then('the stock item "{sku}" has {count:d} {piece} {where}')
def has_pieces(context: Any, sku: str, count: int, piece: str, where: str) -> None:
    assert piece in ("piece", "pieces")
    level = context.driver.level(sku)
    assert level[where.replace(" ", "_")] == count, level


@then('the stock item "{sku}" is in stock')
def is_in_stock(context: Any, sku: str) -> None:
    assert context.driver.level(sku)["availability"] == "in_stock"


@then('the stock item "{sku}" is low')
def is_low(context: Any, sku: str) -> None:
    assert context.driver.level(sku)["availability"] == "low"


@then('the stock item "{sku}" is out of stock')
def is_out_of_stock(context: Any, sku: str) -> None:
    assert context.driver.level(sku)["availability"] == "out_of_stock"


@then('the stock item "{sku}" is announced as {what}')
def is_announced(context: Any, sku: str, what: str) -> None:
    assert announced(context, sku, what)


@then('the stock item "{sku}" is not announced as {what}')
def is_not_announced(context: Any, sku: str, what: str) -> None:
    assert not announced(context, sku, what)


@then('order "{order}" holds {count:d} piece of stock item "{sku}"')
@then('order "{order}" holds {count:d} pieces of stock item "{sku}"')
def order_holds(context: Any, order: str, count: int, sku: str) -> None:
    assert holds(context, order, sku) == count


@then('the hold of order "{order}" on stock item "{sku}" ends in {minutes:d} minutes')
def hold_ends(context: Any, order: str, sku: str, minutes: int) -> None:
    until = datetime.fromisoformat(context.driver.hold(sku, order)["until"])
    left = until - context.driver.now()
    assert abs(left - timedelta(minutes=minutes)) < timedelta(seconds=30), left


@then('the holds on stock item "{sku}" are "{holds}"')
def holds_are(context: Any, sku: str, holds: str) -> None:
    found = [f"{each['order']}: {each['held']}" for each in context.driver.holds(sku)]
    assert found == holds.split(", "), found


@then('order "{order}" has shipped {shipped:d} and returned {returned:d} of "{sku}"')
def shipped_and_returned(
    context: Any, order: str, shipped: int, returned: int, sku: str
) -> None:
    hold = context.driver.hold(sku, order)
    assert (hold["shipped"], hold["returned"]) == (shipped, returned), hold


@then('nothing is recorded of stock item "{sku}"')
def nothing_recorded(context: Any, sku: str) -> None:
    assert recorded(context, "inventory", sku) == []


@then('the count released the orders "{orders}"')
@then('the correction released the orders "{orders}"')
def count_released(context: Any, orders: str) -> None:
    happened = context.driver.events("inventory", context.before["inventory"])
    (told,) = [each for each in happened if "released" in each.data]
    assert [each["order"] for each in told.data["released"]] == orders.split(", ")


@then('the count took {count:d} pieces from order "{order}"')
def count_took(context: Any, count: int, order: str) -> None:
    happened = context.driver.events("inventory", context.before["inventory"])
    (told,) = [each for each in happened if "released" in each.data]
    assert {"order": order, "pieces": count} in told.data["released"]


@then('a program that knows version 1 of a count reads that orders "{orders}" lost all')
def first_version_of_a_count(context: Any, orders: str) -> None:
    counted = _count_as_known(context, 1)
    assert counted["released_orders"] == orders.split(", ")


@then(
    'a program that knows version 2 of a count reads that order "{order}" lost '
    "{count:d} pieces"
)
def second_version_of_a_count(context: Any, order: str, count: int) -> None:
    counted = _count_as_known(context, 2)
    assert counted["released"] == [{"order": order, "pieces": count}]


def _count_as_known(context: Any, version: int) -> Json:
    after = context.before["inventory"]
    path = f"/events/inventory?after={after}&limit=1000&version={version}"
    told = context.driver.read(path)
    (counted,) = [each for each in told if each["type"].startswith("stock.counted")]
    return dict(counted["data"])


@then('the stock item "{sku}" was counted last just now')
def was_counted(context: Any, sku: str) -> None:
    at = datetime.fromisoformat(context.driver.level(sku)["last_counted_on"])
    assert abs(context.driver.now() - at) < timedelta(minutes=1)


@then('the stock item "{sku}" was never counted')
def was_never_counted(context: Any, sku: str) -> None:
    assert context.driver.level(sku)["last_counted_on"] is None


@then('the movements of stock item "{sku}" are "{kinds}"')
def movements_are(context: Any, sku: str, kinds: str) -> None:
    moved = [each["kind"] for each in context.driver.movements(sku)]
    assert moved == kinds.split(", "), moved


@then('movement {number:d} of stock item "{sku}" left {count:d} pieces {where}')
def movement_left(context: Any, number: int, sku: str, count: int, where: str) -> None:
    left = context.driver.movements(sku)[-number]
    assert left[where.replace(" ", "_")] == count, left


@then('movement {number:d} of stock item "{sku}" names order "{order}"')
def movement_names(context: Any, number: int, sku: str, order: str) -> None:
    assert context.driver.movements(sku)[-number]["order"] == order


@then('movement {number:d} of stock item "{sku}" tells a difference of {pieces:d}')
def movement_differs(context: Any, number: int, sku: str, pieces: int) -> None:
    assert context.driver.movements(sku)[-number]["difference"] == pieces


@then('movement {number:d} of stock item "{sku}" names {who} who counted')
def movement_names_who(context: Any, number: int, sku: str, who: str) -> None:
    assert context.driver.movements(sku)[-number]["counted_by"] == who


@then('movement {number:d} of stock item "{sku}" names the delivery "{reference}"')
def movement_names_delivery(
    context: Any, number: int, sku: str, reference: str
) -> None:
    assert context.driver.movements(sku)[-number]["reference"] == reference


@then('movement {number:d} of stock item "{sku}" gives the reason "{reason}"')
def movement_gives(context: Any, number: int, sku: str, reason: str) -> None:
    assert context.driver.movements(sku)[-number]["reason"] == reason


@then('of "{skus}" are available "{quantities}"')
def available_at_once(context: Any, skus: str, quantities: str) -> None:
    driver = context.driver
    query = "&".join(f"id={quote(driver.own(sku))}" for sku in skus.split(", "))
    told = [each["quantity"] for each in driver.read(f"/stock?{query}")]
    told = ["unknown" if each is None else str(each) for each in told]
    assert told == quantities.split(", "), told
