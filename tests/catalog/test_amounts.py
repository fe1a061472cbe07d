"""Prices as people write them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.domain.amounts import price_from_text
from catalog.domain.currencies import CURRENCIES, decimals_of
from catalog.domain.value_objects import Price
from shared_kernel.domain.errors import InvalidValue


@pytest.mark.parametrize(
    ("text", "currency", "minor_units"),
    [
        ("19.99", "EUR", 1999),
        ("19,99", "EUR", 1999),
        ("19.9", "EUR", 1990),
        (".99", "EUR", 99),
        ("1.234,50", "EUR", 123450),
        ("1,234.50", "EUR", 123450),
        ("1 234,50 €", "EUR", 123450),
        ("1\u202f234,50\u00a0€", "EUR", 123450),
        ("1’234.50 CHF", "CHF", 123450),
        ("1,234,567", "EUR", 123456700),
        ("EUR 12", "EUR", 1200),
        ("19.9900", "EUR", 1999),
        ("JPY 1500", "JPY", 1500),
        ("¥1,500", "JPY", 1500),
        ("1500.00", "JPY", 1500),
        ("1500", "KWD", 1500000),
        ("0.250", "KWD", 250),
        ("1,234.567", "KWD", 1234567),
        ("$5", "USD", 500),
    ],
)
def test_an_amount_is_read_in_the_notation_of_its_currency(
    text: str, currency: str, minor_units: int
) -> None:
    assert price_from_text(text, currency) == Price(minor_units, currency)


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("1,234", "1.234 EUR or 1234 EUR"),
        ("1.234", "1.234 EUR or 1234 EUR"),
        ("19.995", "19.995 EUR or 19995 EUR"),
    ],
)
def test_an_amount_with_two_readings_is_refused_with_both(
    text: str, readings: str
) -> None:
    with pytest.raises(InvalidValue, match=readings):
        price_from_text(text, "EUR")


def test_a_decimal_mark_settles_which_reading_is_meant() -> None:
    assert price_from_text("1.234", "EUR", ",") == Price(123400, "EUR")
    assert price_from_text("1.234", "KWD", ".") == Price(1234, "KWD")


@pytest.mark.parametrize(
    ("text", "currency", "expected"),
    [
        ("-5", "EUR", "0 or more"),
        ("(5.00)", "EUR", "0 or more"),
        ("5,00-", "EUR", "0 or more"),
        ("19.999,5 EUR EUR", None, "'EUR', as its currency"),
        ("0.999", "EUR", "at most 2 decimals"),
        ("1500.5", "JPY", "at most 0 decimals"),
        ("12 eur", None, "'EUR'"),
        ("12", None, "--currency EUR"),
        ("$5", "EUR", "USD"),
        ("12,-", "EUR", "'1234.50'"),
        ("5.", "EUR", "'1234.50'"),
        ("1 23", "EUR", "'1234.50'"),
        ("1,23,456.78", "INR", "'1234.50'"),
        ("1e3", "EUR", "ISO 4217"),
        ("٣", "EUR", "'19.99 EUR'"),
        ("free", "EUR", "'19.99 EUR'"),
        ("1" * 400, "EUR", "1000000000000"),
    ],
)
def test_what_is_no_amount_is_refused_with_what_would_be_right(
    text: str, currency: str | None, expected: str
) -> None:
    with pytest.raises(InvalidValue) as refused:
        price_from_text(text, currency)
    assert expected in str(refused.value)
    assert len(str(refused.value)) < 300


def test_the_currency_in_the_cell_precedes_the_default() -> None:
    assert price_from_text("12 USD", "EUR") == Price(1200, "USD")


def _written(units: int, decimals: int, group: str, mark: str, zeros: int) -> str:
    digits = str(units).rjust(decimals + 1, "0")
    whole, part = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    grouped = f"{int(whole):,}".replace(",", group)
    part += "0" * zeros
    return f"{grouped}{mark}{part}" if part else grouped


@settings(max_examples=60)
@given(
    units=st.integers(0, 10**9),
    currency=st.sampled_from(["EUR", "JPY", "KWD", "USD", *sorted(CURRENCIES)]),
    marks=st.sampled_from([(",", "."), (".", ","), (" ", ","), ("'", "."), ("", ".")]),
    zeros=st.integers(0, 2),
    named=st.sampled_from(["{}", "{} {c}", "{c} {}", "{c}{}"]),
)
def test_a_written_amount_reads_back_exactly_or_is_refused(
    units: int, currency: str, marks: tuple[str, str], zeros: int, named: str
) -> None:
    decimals = decimals_of(currency)
    # Nobody writes an amount without decimals as `1.000`, meaning 1.
    zeros = min(zeros, 2 if decimals else 0)
    amount = _written(units, decimals, *marks, zeros)
    text = named.format(amount, c=currency)
    try:
        price = price_from_text(text, currency)
    except InvalidValue as refused:
        assert "can be read in one way" in refused.expected  # noqa: PT017
    else:
        assert price == Price(units, currency)


@settings(max_examples=60)
@given(
    whole=st.integers(0, 99_999),
    currency=st.sampled_from(["EUR", "JPY", "KWD"]),
    group=st.sampled_from([",", ".", " ", "'"]),
)
def test_whole_amounts_in_groups_read_back_exactly_or_are_refused(
    whole: int, currency: str, group: str
) -> None:
    text = f"{whole:,}".replace(",", group)
    try:
        price = price_from_text(text, currency)
    except InvalidValue as refused:
        assert "can be read in one way" in refused.expected  # noqa: PT017
    else:
        assert price == Price(whole * 10 ** decimals_of(currency), currency)


@settings(max_examples=60)
@given(
    text=st.text(st.sampled_from("0123456789.,' -+()€$EUR²٣") | st.characters()),
    currency=st.sampled_from([None, "EUR", "JPY"]),
)
def test_any_text_is_an_amount_or_refused(text: str, currency: str | None) -> None:
    try:
        price = price_from_text(text, currency)
    except InvalidValue as refused:
        assert refused.field == "price"  # noqa: PT017
    else:
        assert price.minor_units >= 0
