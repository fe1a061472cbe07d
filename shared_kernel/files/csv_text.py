"""CSV that runs nothing in a spreadsheet, and reads back exactly.

A spreadsheet takes a cell for a formula by its first character (OWASP, CSV Injection).
Such a cell is written behind an apostrophe, and reading takes that away. A given
apostrophe is kept: where it could be taken for ours, it is written behind another one.

In a cell that names something, an apostrophe or `=` is more likely a spreadsheet's than
the name's. So there it is written behind one more apostrophe, and refused without.
"""

import re
from collections.abc import Iterable, Sequence

# Full-width signs are formulas in some languages.
_SIGNS = "[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
_RUNS = re.compile(f"'*{_SIGNS}")
_HIDDEN = re.compile(f"'+{_SIGNS}")
_TEXT_FORMULA = re.compile(r'="((?:[^"]|"")*)"')
# A spreadsheet may also separate cells by these.
_TO_QUOTE = re.compile('[",;|\t\r\n]')


def defused(text: str) -> str:
    """`text` as the cell of a CSV file: it runs nothing in a spreadsheet."""
    return f"'{text}" if _RUNS.match(text) else text


def undone(cell: str) -> str:
    """The text of a cell that was written by `defused`; any other is unchanged.

    Except `="0017"`, as spreadsheets write a text of digits: it is 0017.
    """
    if cell.startswith("'"):
        return cell[1:] if _HIDDEN.match(cell) else cell
    if cell.startswith("=") and (text := _TEXT_FORMULA.fullmatch(cell)):
        return text[1].replace('""', '"')
    return cell


def cell_of_name(name: str) -> str:
    """`name` as such a cell, before it is defused."""
    return f"'{name}" if name.startswith(("'", "=")) else name


def name_of_cell(cell: str) -> str:
    """The name in such a cell, `undone`; the inverse of `cell_of_name`.

    Raises ValueError, which says what is right, for a mark that may not belong to it.
    """
    cell = cell.strip()
    if cell.startswith(("''", "'=")):
        return cell[1:]
    if cell.startswith(("'", "=")):
        meant = cell.lstrip("'=")
        raise ValueError(
            f"{meant!r} without the {cell[0]} of a spreadsheet; if it belongs to the "
            f"name, ''{cell.removeprefix(chr(39))}"
        )
    return cell


def csv_lines(rows: Iterable[Sequence[object]]) -> str:
    """Lines of CSV (RFC 4180); None is an empty cell."""
    return "".join(",".join(map(_cell, row)) + "\r\n" for row in rows)


def _cell(value: object) -> str:
    text = "" if value is None else defused(str(value))
    if _TO_QUOTE.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text
