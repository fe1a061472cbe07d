"""The versions of inventory's published events, and how one is made of another."""

from shared_kernel.events.versions import Payload, Successor


def counted_2(counted: Payload) -> Payload:
    """Version 1 told which orders lost what they held, but not how much."""
    rest = {name: each for name, each in counted.items() if name != "released_orders"}
    released = [
        {"order": order, "pieces": None} for order in counted["released_orders"]
    ]
    return rest | {"released": released}


def counted_1(counted: Payload) -> Payload:
    rest = {name: each for name, each in counted.items() if name != "released"}
    return rest | {"released_orders": [hold["order"] for hold in counted["released"]]}


SUCCESSORS = (
    Successor(
        older="stock.counted",
        newer="stock.counted.v2",
        upcast=counted_2,
        downcast=counted_1,
    ),
)
