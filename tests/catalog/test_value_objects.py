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
from shared_kernel.domain.visible_text import fault_of_line


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


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("\u200b", "nothing of it can be seen"),
        ("\u200d \u2060", "nothing of it can be seen"),
        ("\u3164\ufe0f", "nothing of it can be seen"),
        ("\u202egnp.txt", "U+202E"),
        ("Lamp \u2066x\u2069", "U+2066"),
        ("Desk\u2028lamp", "U+2028"),
    ],
)
def test_a_name_that_nobody_can_read_is_refused(text: str, fault: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        ProductName(text)

    assert fault in refused.value.expected


@pytest.mark.parametrize(
    "text",
    [
        "👩\u200d🚀 lamp",
        "می\u200cخواهم",
        "❤\ufe0f",
        "क्\u200dष",
        "שלום\u200e lamp",
        "🏴\U000e0067\U000e007f",
    ],
)
def test_joiners_that_scripts_and_emoji_need_stay(text: str) -> None:
    assert ProductName(text).text == text


def test_a_stored_name_is_as_it_was_accepted() -> None:
    assert ProductName.stored("\u202elamp").text == "\u202elamp"
    assert ProductName.stored("Lamp") == ProductName("Lamp")


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=300))
def test_a_name_is_either_refused_or_kept_without_surrounding_blanks(text: str) -> None:
    if 1 <= len(text.strip()) <= 200 and fault_of_line(text.strip()) is None:
        assert ProductName(text).text == text.strip()
    else:
        with pytest.raises(InvalidValue, match="1 to 200 characters"):
            ProductName(text)
