"""What steps have in common: trying what may be refused, and looking at the logs."""

from collections.abc import Callable
from typing import Any

from features.drivers.port import Happened, Refused

NOBODY = "somebody"


def attempt(context: Any, order: Callable[[], None], who: str = NOBODY) -> None:
    """Give the order; a refusal is kept for the Then that must speak of it."""
    try:
        order()
    except Refused as refused:
        context.refusals[who] = refused


def refusal(context: Any, slug: str, who: str = NOBODY) -> dict[str, Any]:
    """The fields of the refusal, which must be `slug`."""
    refused = context.refusals.pop(who, None)
    assert refused is not None, f"{who} was not refused"
    assert refused.slug == slug, str(refused)
    return dict(refused.details)


def recorded(context: Any, source: str, sku: str) -> list[Happened]:
    """What the example's When steps had recorded of `sku`."""
    after = context.before[source]
    return [each for each in context.driver.events(source, after) if each.sku == sku]


def announced(context: Any, sku: str, what: str) -> bool:
    return any(
        each.type == f"stock.{what}" for each in recorded(context, "inventory", sku)
    )


def holds(context: Any, order: str, sku: str) -> int:
    """The pieces that `order` holds, as the log tells."""
    held = 0
    for event in context.driver.events("inventory", 0):
        if event.sku != sku:
            continue
        if event.data.get("order") == order:
            held = event.data["pieces"] if event.type == "stock.reserved" else 0
        if order in event.data.get("released_orders", ()):
            held = 0
    return held
