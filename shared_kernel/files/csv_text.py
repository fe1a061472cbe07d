"""CSV that runs nothing in a spreadsheet, and reads back exactly.

A spreadsheet takes a cell for a formula by its first character (OWASP, CSV Injection).
Such a cell is written behind an apostrophe, and reading takes that away. A given
apostrophe is kept: where it could be taken for ours, it is written behind another one.
"""

import csv
import io
from collections.abc import Iterable, Sequence

_RUNS = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_HIDES = _RUNS | {"'"}


def defused(text: str) -> str:
    """`text` as the cell of a CSV file: it runs nothing in a spreadsheet."""
    if not text:
        return text
    first = text[0]
    if first in _RUNS or (first == "'" and text[1:2] in _HIDES):
        return f"'{text}"
    return text


def undone(cell: str) -> str:
    """The text of a cell that was written by `defused`; any other is unchanged."""
    if cell[:1] == "'" and cell[1:2] in _HIDES:
        return cell[1:]
    return cell


def csv_lines(rows: Iterable[Sequence[object]]) -> str:
    """Lines of CSV (RFC 4180); None is an empty cell."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(
        ["" if value is None else defused(str(value)) for value in row] for row in rows
    )
    return text.getvalue()
