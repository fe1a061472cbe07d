"""A line of NDJSON as the values of a row."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from shared_kernel.documents.faults import DocumentError
from shared_kernel.documents.schema import Schema

NOT_AN_OBJECT = "not a JSON object in braces"
Values = Mapping[str, Any]
ANY_OBJECT: Schema[Any] = Schema(dict[str, Any])


def json_values(
    line: str, document: Schema[Any], ignored: Sequence[str]
) -> tuple[Values, str | None]:
    """The values, by column, and the fault if the line is not as `document` says."""
    try:
        given = document.read(line.encode(), ignored)
    except DocumentError as error:
        return _legible(line), _in_words(error)
    values, twice = _flat(msgspec.to_builtins(given))
    return values, f"{', '.join(twice)} given twice" if twice else None


def _in_words(error: DocumentError) -> str:
    """All faults, each with its field."""
    if not error.faults:
        return f"not a JSON object: {error}"
    return "; ".join(
        f"{fault.pointer.removeprefix('/').replace('/', '.') or 'the line'}: "
        f"{fault.detail}"
        for fault in error.faults
    )


def _legible(line: str) -> Values:
    """What a line with a fault says, as far as it is JSON; of a name twice the first.

    It is for people, to find and correct the line.
    """
    try:
        given = json.loads(line, object_pairs_hook=lambda pairs: dict(pairs[::-1]))
    except (ValueError, RecursionError):
        return {}
    return _flat(given)[0] if isinstance(given, dict) else {}


def _flat(given: Values) -> tuple[dict[str, Any], list[str]]:
    """`{"price": {"currency": …}}` as `{"price_currency": …}`, and repeated fields.

    null counts as absent.
    """
    values: dict[str, Any] = {}
    doubled = []
    for name, value in given.items():
        if value is None:
            continue
        members = (
            {f"{name}_{member}": inner for member, inner in value.items()}
            if isinstance(value, dict)
            else {name: value}
        )
        doubled += [name for name in members if name in values]
        values |= members
    return values, doubled
