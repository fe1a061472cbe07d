"""The values of a row, as value objects want them; a CSV has text for everything."""

from collections.abc import Mapping
from typing import Any

from shared_kernel.domain.errors import InvalidValue

MOST_DIGITS = 20


def text(values: Mapping[str, Any], column: str) -> str:
    """Without white space around it; empty if there is none. Raises InvalidValue."""
    value = values.get(column)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidValue(field=column, value=value, expected="text")
    return value.strip()


def whole_number(values: Mapping[str, Any], column: str) -> Any:
    """An int, or None if there is nothing; what is neither comes back as it was given.

    So the value object refuses it, in words that say what would be right.
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
    """A sentence that names the column, as in `price_currency` for `price.currency`."""
    return (
        f"{fault.field.replace('.', '_')} is {fault.value!r}, expected {fault.expected}"
    )
