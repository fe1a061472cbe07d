"""Prices as people write them: `19.99`, `1.234,50`, `1 234,50 €`, `JPY 1500`.

An amount that can be read in two ways is refused with both: a wrong guess would be a
thousand times too much. `minor_units` of a currency are those of ISO 4217.
"""

import re

import attrs

from catalog.domain.currencies import CURRENCIES, decimals_of
from catalog.domain.value_objects import Price
from shared_kernel.domain.errors import InvalidValue

FIELD = "price"
LONGEST_SHOWN = 60
_FORMS = "an amount such as '1234.50', '1,234.50' or '1.234,50'"

SYMBOLS = {
    "$": frozenset(
        [
            "USD",
            "AUD",
            "CAD",
            "NZD",
            "SGD",
            "HKD",
            "TWD",
            "MXN",
            "ARS",
            "CLP",
            "COP",
            "BRL",
        ]
    ),
    "US$": frozenset(["USD"]),
    "R$": frozenset(["BRL"]),
    "€": frozenset(["EUR"]),
    "£": frozenset(["GBP", "GIP", "FKP", "SHP", "EGP"]),
    "¥": frozenset(["JPY", "CNY"]),
    "₩": frozenset(["KRW", "KPW"]),
    "₹": frozenset(["INR"]),
    "₺": frozenset(["TRY"]),
    "₽": frozenset(["RUB"]),
    "₴": frozenset(["UAH"]),
    "₪": frozenset(["ILS"]),
    "zł": frozenset(["PLN"]),
    "Kč": frozenset(["CZK"]),
    "kr": frozenset(["SEK", "NOK", "DKK", "ISK"]),
    "Fr.": frozenset(["CHF"]),
}
"""The currencies that a sign may mean."""

# Plain, no-break, narrow no-break and thin space; apostrophes, as the Swiss group.
_SPACES = str.maketrans(dict.fromkeys("\u00a0\u202f\u2009", " ") | {"\u2019": "'"})
_AMOUNT = re.compile(r"[.,]?\d(?:[\d., ']*\d)?", re.ASCII)
_SIGNS = ("-", "\u2212")
_PLAIN = re.compile(r"\d+", re.ASCII)
_GROUPED = re.compile(r"\d{1,3}(?:(?P<mark>[., '])\d{3})(?:(?P=mark)\d{3})*", re.ASCII)
_DECIMAL = re.compile(
    r"(?P<whole>\d*|\d{1,3}(?:(?P<group>[., '])\d{3})(?:(?P=group)\d{3})*)"
    r"(?P<mark>[.,])(?P<part>\d+)",
    re.ASCII,
)


@attrs.frozen
class _Reading:
    """Digits of the whole units, and of the parts of one."""

    whole: str
    part: str = ""

    def __str__(self) -> str:
        return f"{self.whole}.{self.part}" if self.part else self.whole


def price_from_text(
    text: str, currency: str | None = None, decimal_mark: str | None = None
) -> Price:
    """`currency` is the default if `text` names none. Raises InvalidValue.

    A `decimal_mark` (`.` or `,`) settles what `1,234` means.
    """
    given = " ".join(text.translate(_SPACES).split())
    found = _AMOUNT.search(given)
    if found is None:
        raise _refusal(text, "an amount and its currency, such as '19.99 EUR'")
    before, after = given[: found.start()].strip(), given[found.end() :].strip()
    if before.endswith((*_SIGNS, "(")) or after.startswith((*_SIGNS, ")")):
        raise _refusal(text, "an amount of 0 or more")
    named = _currency(text, before, after, currency)
    units = _minor_units(text, found[0], named, decimal_mark)
    try:
        return Price(units, named)
    except InvalidValue as fault:
        raise _refusal(text, f"{fault.expected} in minor units") from fault


def amount_in_text(price: Price) -> str:
    """As in `1234.50 EUR`: `price_from_text` reads it back."""
    decimals = decimals_of(price.currency)
    digits = str(price.minor_units).rjust(decimals + 1, "0")
    whole, part = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    return f"{whole}.{part} {price.currency}" if part else f"{whole} {price.currency}"


def _currency(text: str, before: str, after: str, default: str | None) -> str:
    if before and after:
        raise _refusal(text, "one currency, before or behind the amount")
    mark = before or after
    if mark and not any(map(str.isalpha, mark)) and mark not in SYMBOLS:
        raise _refusal(text, _FORMS)
    if not mark:
        if default is None:
            raise _refusal(
                text,
                f"a currency, too, such as '{_short(text)} EUR', or --currency EUR "
                "for all prices",
            )
        return _known(text, default)
    if mark not in SYMBOLS:
        return _known(text, mark)
    meant = SYMBOLS[mark]
    if default in meant:
        return default
    if len(meant) > 1:
        some = ", ".join(sorted(meant))
        raise _refusal(text, f"a code instead of {mark!r}, which may be {some}")
    return next(iter(meant))


def _known(text: str, code: str) -> str:
    if code in CURRENCIES:
        return code
    if code.upper() in CURRENCIES:
        raise _refusal(text, f"the currency in capital letters: {code.upper()!r}")
    raise _refusal(text, "an ISO 4217 code in use, such as 'EUR', as its currency")


def _minor_units(
    text: str, amount: str, currency: str, decimal_mark: str | None
) -> int:
    readings = _readings(amount, decimal_mark)
    decimals = decimals_of(currency)
    if len(readings) > 1 and decimals == 0:
        # Nobody writes yen with three decimals.
        readings = [each for each in readings if not each.part]
    if not readings:
        raise _refusal(text, _FORMS)
    if len(readings) > 1:
        either = " or ".join(f"{each} {currency}" for each in readings)
        plain = f"{readings[-1]}.{'0' * decimals}"
        raise _refusal(
            text,
            f"an amount that can be read in one way; this is {either}. Write the "
            f"decimals, as in {plain!r}, or say --decimal-mark",
        )
    [reading] = readings
    part = reading.part.rstrip("0")
    if len(part) > decimals:
        raise _refusal(text, f"at most {decimals} decimals, as {currency} has")
    return int((reading.whole or "0") + part.ljust(decimals, "0"))


def _readings(amount: str, decimal_mark: str | None) -> list[_Reading]:
    """As a number with decimals, and as one whose thousands are separated."""
    readings = []
    if _PLAIN.fullmatch(amount):
        return [_Reading(amount)]
    match = _DECIMAL.fullmatch(amount)
    if (
        match
        and match["mark"] not in match["whole"]
        and decimal_mark
        in (
            None,
            match["mark"],
        )
    ):
        readings.append(_Reading(_digits(match["whole"]), match["part"]))
    match = _GROUPED.fullmatch(amount)
    if match and not amount.startswith("0") and match["mark"] != decimal_mark:
        readings.append(_Reading(_digits(amount)))
    return readings


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"


def _refusal(text: str, expected: str) -> InvalidValue:
    return InvalidValue(field=FIELD, value=_short(text), expected=expected)
