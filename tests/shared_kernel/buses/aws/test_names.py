"""What topics and queues are called."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_kernel.buses.aws.names import MOST_QUEUE, MOST_TOPIC, Names

LOG = "019b0000-0000-7000-8000-000000000001"
SHOP = Names(prefix="shop")
words = st.text("abc_-", min_size=1, max_size=40)
dotted = st.lists(words, min_size=1, max_size=3).map(".".join)


def test_names_say_what_they_are() -> None:
    assert Names().topic("catalog", LOG) == f"storehouse-catalog-{LOG}"
    assert SHOP.topic("catalog", LOG) == f"shop-storehouse-catalog-{LOG}"
    assert SHOP.queue("catalog.listing", "1") == "shop-storehouse-catalog-listing-1"
    assert SHOP.foreign("new.product") == "shop-new-product"
    assert SHOP.sharing("catalog.new-product", "new.product") == (
        "shop-new-product-catalog-new-product"
    )


def test_names_for_events_tell_whether_they_are_fifo() -> None:
    fifo = Names(prefix="shop", fifo=True)

    assert fifo.topic("catalog", "1") == "shop-storehouse-catalog-1.fifo"
    assert fifo.queue("listing", "1") == "shop-storehouse-listing-1.fifo"
    # Other programs know no groups of messages.
    assert fifo.foreign("new.product") == "shop-new-product"


@settings(max_examples=50)
@given(prefix=st.just("") | dotted, group=dotted, pattern=dotted, fifo=st.booleans())
def test_aws_accepts_every_name(
    prefix: str, group: str, pattern: str, fifo: bool
) -> None:
    names = Names(prefix=prefix, fifo=fifo)
    queues = [
        names.queue(group, LOG),
        names.group(group, f"{pattern}.>"),
        names.beats(group, f"heartbeat.{pattern}"),
        names.foreign(pattern),
        names.sharing(group, pattern),
    ]

    for name, most in [
        (names.topic(pattern, LOG), MOST_TOPIC),
        *((queue, MOST_QUEUE) for queue in queues),
    ]:
        assert len(name) <= most
        assert re.fullmatch(r"[A-Za-z0-9_-]+(\.fifo)?", name)


@pytest.mark.parametrize("fifo", [False, True])
def test_long_names_and_patterns_are_told_apart(fifo: bool) -> None:
    names = Names(prefix="p" * 70, fifo=fifo)

    assert names.queue("a", LOG) != names.queue("b", LOG)
    assert names.group("a", "b.*") != names.group("a", "b.>")


def test_a_group_is_found_by_the_beginning_of_its_name() -> None:
    assert SHOP.group("listing", "product.>").startswith(SHOP.groups)
    assert SHOP.beats("relay.1", "heartbeat.catalog").startswith(
        SHOP.all_beats("heartbeat.catalog")
    )
    assert SHOP.topic("catalog", LOG).startswith(SHOP.topics("catalog"))
    assert not SHOP.topic("catalog2", LOG).startswith(SHOP.topics("catalog"))
