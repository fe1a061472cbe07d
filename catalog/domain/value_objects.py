"""The catalog's value objects, validated on creation: each raises InvalidValue."""

import re
from enum import StrEnum

import attrs

from catalog.domain.currencies import CURRENCIES
from shared_kernel.domain.errors import InvalidValue
from shared_kernel.domain.visible_text import fault_of_line

LONGEST_NAME = 200
LONGEST_DESCRIPTION = 4000
MOST_MINOR_UNITS = 10**12
MOST_PIECES = 10**9
# Control characters, and halves of surrogate pairs, which no encoding can store.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_UNPRINTABLE_IN_LINES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def _stripped(text: str) -> str:
    return text.strip()


@attrs.frozen
class ProductName:
    """1 to 200 characters on one line, of which some can be seen.

    White space around them is left out.
    """

    text: str = attrs.field(converter=_stripped)

    @text.validator
    def _is_one_line(self, _: object, text: str) -> None:
        if not 1 <= len(text) <= LONGEST_NAME or _UNPRINTABLE.search(text):
            fault = ""
        elif found := fault_of_line(text):
            fault = f": {found}"
        else:
            return
        expected = f"1 to {LONGEST_NAME} characters without control characters{fault}"
        raise InvalidValue(field="name", value=text, expected=expected)

    @classmethod
    def stored(cls, text: str) -> "ProductName":
        """A name that was accepted once, perhaps under another rule."""
        name = cls.__new__(cls)
        object.__setattr__(name, "text", text)
        return name

    def __str__(self) -> str:
        return self.text


@attrs.frozen
class Description:
    """1 to 4,000 characters; tabs and line ends are allowed."""

    text: str = attrs.field(converter=_stripped)

    @text.validator
    def _is_text(self, _: object, text: str) -> None:
        if not 1 <= len(text) <= LONGEST_DESCRIPTION or _UNPRINTABLE_IN_LINES.search(
            text
        ):
            raise InvalidValue(
                field="description",
                value=text,
                expected=f"1 to {LONGEST_DESCRIPTION} characters without control "
                "characters other than tabs and line ends",
            )

    def __str__(self) -> str:
        return self.text


@attrs.frozen
class Price:
    """An amount in the currency's minor units (cents of USD, yen of JPY)."""

    minor_units: int = attrs.field()
    currency: str = attrs.field()

    @minor_units.validator
    def _is_an_amount(self, _: object, minor_units: int) -> None:
        if type(minor_units) is not int or not 0 <= minor_units <= MOST_MINOR_UNITS:
            raise InvalidValue(
                field="price.minor_units",
                value=minor_units,
                expected=f"a whole number from 0 to {MOST_MINOR_UNITS}",
            )

    @currency.validator
    def _is_in_use(self, _: object, currency: str) -> None:
        if currency in CURRENCIES:
            return
        capitals = currency.upper()
        raise InvalidValue(
            field="price.currency",
            value=currency,
            expected=f"{capitals!r}, in capital letters"
            if capitals in CURRENCIES
            else "an ISO 4217 code in use, such as 'EUR'",
        )


@attrs.frozen
class OpeningStock:
    """Whole pieces in stock at registration: the catalog only passes them on."""

    pieces: int = attrs.field()

    @pieces.validator
    def _is_a_count(self, _: object, pieces: int) -> None:
        if type(pieces) is not int or not 0 <= pieces <= MOST_PIECES:
            raise InvalidValue(
                field="stock_count",
                value=pieces,
                expected=f"a whole number of pieces from 0 to {MOST_PIECES}",
            )


class Status(StrEnum):
    LISTED = "listed"
    DISCONTINUED = "discontinued"
