"""The values of a CSV's record, looked at closely.

It may be damaged, or refused before, or have marks of a spreadsheet.
"""

import re
from collections.abc import Sequence
from typing import Any

from shared_kernel.files.columns import REASON, Columns, Header
from shared_kernel.files.csv_records import AFTER_QUOTE, NEVER_CLOSED, Record
from shared_kernel.files.csv_text import name_of_cell, undone
from shared_kernel.files.json_rows import NOT_AN_OBJECT, json_values
from shared_kernel.files.values import shown

Values = dict[str, Any]
Read = tuple[Values, str | None, Sequence[str] | None]
UNNAMED = "a value stands in a column without a name"
# Reasons for which a row was refused whose cells do not stand in their columns.
_DAMAGED = re.compile(
    rf"\d+ values where the header has \d+ columns|{re.escape(NEVER_CLOSED)}|"
    rf"{re.escape(AFTER_QUOTE)}|{re.escape(UNNAMED)}|{re.escape(NOT_AN_OBJECT)}"
)


def values_of(record: Record, header: Header, columns: Columns) -> Read:
    """The values, a fault, and the whole text where the values do not say it.

    In a file of refused rows, a row that is not mended is refused again: also one that
    a spreadsheet has filled up with empty cells.
    """
    names = header.names
    cells = _without_spare([undone(cell) for cell in record.cells], header)
    if REASON in names:
        if fault := _not_mended(cells, names):
            return _damaged(cells[: cells.index(fault)], names, fault)
        if cells[0].startswith("{") and len(cells) == len(names):
            return _object(cells, names, columns)
    if record.fault:
        return _damaged(cells, names, record.fault)
    if len(cells) == len(names):
        return _named(cells, names, columns)
    if len(names) < len(cells) <= len(names) + header.spare:
        return _damaged(_without_reason(cells, names), names, UNNAMED)
    if names[-1] == REASON and len(cells) > 1:
        # That of an earlier run.
        cells.pop()
    asked = len(names) - (REASON in names)
    fault = f"{len(cells)} values where the header has {asked} columns"
    return _damaged(cells, names, fault)


def _without_spare(cells: list[str], header: Header) -> list[str]:
    """Without the empty cells at the end that have no column."""
    width = len(header.names)
    if width < len(cells) <= width + header.spare and not any(
        map(str.strip, cells[width:])
    ):
        return cells[:width]
    return cells


def _damaged(cells: Sequence[str], names: Sequence[str], fault: str) -> Read:
    return dict(zip(names, cells, strict=False)), fault, cells


def _not_mended(cells: Sequence[str], names: Sequence[str]) -> str | None:
    """The reason for which the row was refused, if it stands outside its column."""
    place = names.index(REASON) if len(cells) == len(names) else -1
    for number, cell in enumerate(cells):
        if number != place and _DAMAGED.fullmatch(cell):
            return cell
    return None


def _object(cells: Sequence[str], names: Sequence[str], columns: Columns) -> Read:
    """A row of NDJSON, refused before: its line stands in the first cell."""
    values, fault = json_values(cells[0], columns.document, (REASON,))
    given = dict(zip(names[1:], cells[1:], strict=True))
    others = {name: cell for name, cell in given.items() if cell and name != REASON}
    return others | dict(values), fault, [cells[0]]


def _named(cells: Sequence[str], names: Sequence[str], columns: Columns) -> Read:
    """With the names in identifying columns as they are meant."""
    values, changed = dict(zip(names, cells, strict=True)), False
    for column in columns.identifying:
        cell = values.get(column, "").strip()
        try:
            name = name_of_cell(cell)
        except ValueError as right:
            fault = f"{column} is {shown(cell)}, expected {right}"
            return values, fault, _without_reason(cells, names)
        if name != cell:
            values[column], changed = name, True
    return values, None, _without_reason(cells, names) if changed else None


def _without_reason(cells: Sequence[str], names: Sequence[str]) -> list[str]:
    place = names.index(REASON) if REASON in names else -1
    return [cell for number, cell in enumerate(cells) if number != place]
