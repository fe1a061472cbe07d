"""Numbers as people and spreadsheets write them."""

import pytest

from shared_kernel.domain.errors import InvalidValue
from shared_kernel.files.values import (
    in_columns,
    may_be_a_spreadsheets,
    pieces,
    whole_number,
)


@pytest.mark.parametrize(
    ("written", "number"),
    [("5", 5), (" 5 ", 5), ("+5", 5), ("007", 7), ("5.0", 5), ("5,00", 5), ("", None)],
)
def test_pieces_are_read_as_people_write_them(written: str, number: object) -> None:
    assert pieces({"count": written}, "count") == number


@pytest.mark.parametrize("written", ["1,000", "1.000", "12,345", "+1.000"])
def test_a_mark_that_may_separate_thousands_is_refused(written: str) -> None:
    with pytest.raises(InvalidValue, match="as digits alone"):
        pieces({"count": written}, "count")


@pytest.mark.parametrize("written", ["-1", "5.5", "٥", "5" * 23, "1e3", "1 000", "x"])
def test_any_other_text_is_left_for_the_value_object_to_refuse(written: str) -> None:
    assert pieces({"count": written}, "count") == written


def test_minor_units_take_no_decimals_since_they_may_be_meant_as_an_amount() -> None:
    assert whole_number({"price": "19.00"}, "price") == "19.00"


@pytest.mark.parametrize(
    ("name", "suspect"),
    [("1.23E+11", True), ("1,23E+11", True), ("4E-05", True), ("1E11", False)],
)
def test_shortened_numbers_are_recognized(name: str, suspect: bool) -> None:
    assert may_be_a_spreadsheets(name) is suspect


def test_a_reason_shows_the_beginning_of_a_long_value_and_its_length() -> None:
    fault = InvalidValue(field="name", value="A" * 200_000, expected="1 to 200")

    assert in_columns(fault) == (
        f"name is '{'A' * 100}'… (200,000 characters), expected 1 to 200"
    )
