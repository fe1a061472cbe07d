"""`traceparent` is passed from a command to all events that it causes."""

import pytest

from tests.web_clients import Shop, a_product

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
NOUGHTS = "0" * 32


def traces(shop: Shop) -> list[str | None]:
    """The traces of all events, the catalog's first."""
    shop.settle()
    logs = [service.log for service in shop.storehouse.writing]
    return [event.traceparent for log in logs for event in log.read(0, 100)]


def test_an_event_and_the_events_it_causes_carry_the_trace(shop: Shop) -> None:
    shop.client.post("/products", json=a_product(), headers={"traceparent": TRACE})

    assert traces(shop) == [TRACE, TRACE]


def test_a_trace_ends_with_its_request(shop: Shop) -> None:
    shop.client.post("/products", json=a_product(), headers={"traceparent": TRACE})
    shop.client.post("/products", json=a_product(sku="LAMP-2"))

    assert traces(shop) == [TRACE, None, TRACE, None]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "garbage",
        TRACE.upper(),
        TRACE + "-more",
        TRACE.replace("00-", "ff-", 1),
        f"00-{NOUGHTS}-00f067aa0ba902b7-01",
        f"00-{'a' * 32}-{'0' * 16}-01",
    ],
)
def test_an_invalid_trace_is_ignored(shop: Shop, header: str) -> None:
    shop.client.post("/products", json=a_product(), headers={"traceparent": header})

    assert traces(shop) == [None, None]
