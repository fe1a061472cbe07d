"""Values are validated on creation."""

from collections.abc import Callable

import pytest

from inventory.domain.value_objects import (
    LONGEST_REASON,
    MOST_PIECES,
    ROUTE_WORDS,
    Count,
    OrderReference,
    Quantity,
    Reason,
    ReorderPoint,
)
from shared_kernel.domain.errors import InvalidValue


@pytest.mark.parametrize("pieces", [0, -1, MOST_PIECES + 1, True, 1.0, "1", None])
def test_a_quantity_is_a_positive_whole_number_of_pieces(pieces: object) -> None:
    with pytest.raises(InvalidValue, match="quantity"):
        Quantity(pieces)  # type: ignore[arg-type]  # what a careless caller may pass


@pytest.mark.parametrize("value", [Count, ReorderPoint])
@pytest.mark.parametrize("pieces", [-1, MOST_PIECES + 1, False, "0", None])
def test_a_count_and_a_reorder_point_are_not_negative(
    value: Callable[[object], object], pieces: object
) -> None:
    with pytest.raises(InvalidValue):
        value(pieces)


@pytest.mark.parametrize("word", sorted(ROUTE_WORDS.after_names))
def test_an_order_has_no_word_of_inventorys_routes(word: str) -> None:
    with pytest.raises(InvalidValue, match=f"order is .* '/{word}' has a meaning"):
        OrderReference(f"A/{word}/B")


def test_the_limits_themselves_are_allowed() -> None:
    assert Quantity(1).pieces == 1
    assert Quantity(MOST_PIECES).pieces == MOST_PIECES
    assert Count(0).pieces == 0
    assert ReorderPoint(MOST_PIECES).pieces == MOST_PIECES


@pytest.mark.parametrize(
    "code",
    ["A", "CA-2014-103800#2", "#1001", "SO/2024/0001", "1001 A", "BÜ-12", "9" * 80],
)
def test_an_order_reference_keeps_its_characters(code: str) -> None:
    assert str(OrderReference(code)) == code


@pytest.mark.parametrize(
    "code", ["", " 1", "a  b", "a/shipment", "\u200b", "A\n", "9" * 81, None]
)
def test_an_order_reference_with_what_nobody_sees_is_refused(code: object) -> None:
    with pytest.raises(InvalidValue, match="order"):
        OrderReference(code)  # type: ignore[arg-type]  # as above


def test_a_reason_is_kept_without_the_space_around_it() -> None:
    assert str(Reason("  déjà\u00a0compté ")) == "déjà\u00a0compté"


@pytest.mark.parametrize(
    "text", ["", "  ", "two\nlines", "bell\a", "x" * (LONGEST_REASON + 1), "\ud800", 7]
)
def test_a_reason_is_one_printable_line(text: object) -> None:
    with pytest.raises(InvalidValue, match="reason"):
        Reason(text)
