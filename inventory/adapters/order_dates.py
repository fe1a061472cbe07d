"""Days as order lines have them."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared_kernel.domain.errors import InvalidValue
from shared_kernel.files.values import text

_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?", re.ASCII)


def date_in(values: Mapping[str, Any], column: str) -> datetime | None:
    """None if there is none. Raises InvalidValue for what is no day of the calendar."""
    given = text(values, column)
    if not given:
        return None
    if _ISO.fullmatch(given):
        try:
            return datetime.fromisoformat(given)
        except ValueError:
            pass
    raise InvalidValue(
        field=column,
        value=given,
        expected="a day of the calendar as in 2014-01-31 (year, month, day)",
    )
