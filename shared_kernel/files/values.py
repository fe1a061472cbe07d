"""Converts a row's values for value objects; in a CSV every value is text."""

import re
from collections.abc import Mapping
from typing import Any

from shared_kernel.domain.errors import InvalidValue

LONGEST_SHOWN = 100
"""In characters, of a value in a reason."""
MOST_DIGITS = 20
_WHOLE = re.compile(rf"\+?([0-9]{{1,{MOST_DIGITS}}})")
_PIECES = re.compile(rf"\+?([0-9]{{1,{MOST_DIGITS}}})(?:[.,]0+)?")
_AMBIGUOUS = re.compile(r"\+?([0-9]{1,3})[.,]([0-9]{3})")
_MADE_BY_SPREADSHEET = re.compile(r"[0-9](?:[.,][0-9]+)?E[+-][0-9]+", re.IGNORECASE)


def text(values: Mapping[str, Any], column: str) -> str:
    """Stripped of white space; empty if there is no value. Raises InvalidValue."""
    value = values.get(column)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidValue(field=column, value=value, expected="text")
    return value.strip()


def whole_number(values: Mapping[str, Any], column: str) -> Any:
    """An int, or None if there is no value; any other value is returned unchanged.

    The value object then refuses it, with a message that says what it expects.
    """
    return _number(_WHOLE, values.get(column))


def pieces(values: Mapping[str, Any], column: str) -> Any:
    """As `whole_number`; `5.0` is 5, too, as spreadsheets write it.

    Raises InvalidValue for `1,000`, which is a thousand to some and one to others.
    """
    value = values.get(column)
    if isinstance(value, str) and value.isdecimal():
        return _number(_WHOLE, value)
    if isinstance(value, str) and (either := _AMBIGUOUS.fullmatch(value.strip())):
        whole, rest = either.groups()
        raise InvalidValue(
            field=column,
            value=value,
            expected=f"{int(whole + rest)} or {int(whole)}, as digits alone: this may "
            "be read as either"
            if rest == "000"
            else f"{int(whole + rest)}, as digits alone",
        )
    return _number(_PIECES, value)


def may_be_a_spreadsheets(name: str) -> bool:
    """Whether it looks like a long number as spreadsheets shorten it: 1.23E+11."""
    return _MADE_BY_SPREADSHEET.fullmatch(name) is not None


def in_columns(fault: InvalidValue) -> str:
    """A message that names the column, as in `price_currency` for `price.currency`.

    Of a long value it shows the beginning, and says how long it is.
    """
    return (
        f"{fault.field.replace('.', '_')} is {shown(fault.value)}, "
        f"expected {fault.expected}"
    )


def shown(value: object) -> str:
    """As in a reason: `'Desk lamp'`."""
    if isinstance(value, str) and len(value) > LONGEST_SHOWN:
        return f"{value[:LONGEST_SHOWN]!r}… ({len(value):,} characters)"
    return repr(value)


def excerpt(text: str, most: int) -> str:
    """The text, or its beginning and how long it is."""
    if len(text) <= most:
        return text
    return f"{text[:most]}… ({len(text):,} characters)"


def _number(form: re.Pattern[str], value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value.isdecimal() and value.isascii() and len(value) <= MOST_DIGITS:
        # The usual form, quickly.
        return int(value)
    digits = value.strip()
    if not digits:
        return None
    number = form.fullmatch(digits)
    return int(number[1]) if number else value
