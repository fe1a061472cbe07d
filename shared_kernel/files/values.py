"""Converts a row's values for value objects; in a CSV every value is text."""

from collections.abc import Mapping
from typing import Any

from shared_kernel.domain.errors import InvalidValue

MOST_DIGITS = 20


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
    value = values.get(column)
    if isinstance(value, str):
        digits = value.strip()
        if not digits:
            return None
        if digits.isdecimal() and digits.isascii() and len(digits) <= MOST_DIGITS:
            return int(digits)
    return value


def in_columns(fault: InvalidValue) -> str:
    """A message that names the column, as in `price_currency` for `price.currency`."""
    return (
        f"{fault.field.replace('.', '_')} is {fault.value!r}, expected {fault.expected}"
    )
