import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.value_objects import (
    Description,
    OpeningStock,
    Price,
    ProductName,
)
from shared_kernel.domain.errors import InvalidValue


@pytest.mark.parametrize(
    "text", ["", "   ", "a\tb", "a\nb", "\x00", "\x85", "\ud800", "x" * 201]
)
def test_a_name_is_one_line_of_1_to_200_printable_characters(text: str) -> None:
    with pytest.raises(InvalidValue, match="name"):
        ProductName(text)


@pytest.mark.parametrize(
    "text", ["Café “Noir”", 'Forms 5 1/2" X 4"', "a\xa0b", "x" * 200]
)
def test_a_name_may_contain_any_printable_text(text: str) -> None:
    assert ProductName(f"  {text} ").text == text


@pytest.mark.parametrize("text", ["", " \n ", "bell\x07", "x" * 4001])
def test_a_description_has_1_to_4000_characters(text: str) -> None:
    with pytest.raises(InvalidValue, match="description"):
        Description(text)


def test_a_description_may_have_several_lines() -> None:
    assert Description("one\n\ttwo\r\n").text == "one\n\ttwo"


@pytest.mark.parametrize("minor_units", [-1, 10**12 + 1, True, 1.0])
def test_a_price_is_a_whole_number_of_minor_units(minor_units: int) -> None:
    with pytest.raises(InvalidValue, match="minor_units"):
        Price(minor_units, "EUR")


@pytest.mark.parametrize("currency", ["eur", "EURO", "ABC", "", "DEM"])
def test_a_currency_is_a_code_of_iso_4217_in_use(currency: str) -> None:
    with pytest.raises(InvalidValue, match="currency"):
        Price(1, currency)


@pytest.mark.parametrize("pieces", [-1, 10**9 + 1, True, 0.5])
def test_an_opening_stock_is_a_count_of_pieces(pieces: int) -> None:
    with pytest.raises(InvalidValue, match="stock_count"):
        OpeningStock(pieces)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=300))
def test_a_name_is_either_refused_or_kept_without_surrounding_blanks(text: str) -> None:
    if 1 <= len(text.strip()) <= 200:
        assert ProductName(text).text == text.strip()
    else:
        with pytest.raises(InvalidValue, match="1 to 200 characters"):
            ProductName(text)
