"""The table of what `features.everywhere` has run, between two marks of a document.

A run writes the cells of what it ran, and leaves the others as they are.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.cluster import BUSES, LAYOUTS
from tests.databases import KINDS

BEGIN, END = "<!-- everywhere -->\n", "<!-- /everywhere -->"
NOT_RUN, NOT_NEEDED = "not run", "–"
PLACES = [f"{layout}:{database}" for database in KINDS for layout in LAYOUTS]
_LAYOUTS = {"one": "one process", "split": "three processes"}
_DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}

Cells = Mapping[str, str]
"""By place, `bus:layout:database`."""


class NoMarksError(Exception):
    """The document has no place for the table."""


def write(document: Path, cells: Cells, places: Sequence[str]) -> None:
    """`places` are all that can be run. Raises NoMarksError."""
    text = document.read_text("utf-8")
    before, begin, rest = text.partition(BEGIN)
    known, end, after = rest.partition(END)
    if not begin or not end:
        raise NoMarksError(f"{document} has no lines {BEGIN.strip()} and {END}")
    made = table({**dict.fromkeys(places, NOT_RUN), **_read(known), **cells}, places)
    document.write_text(f"{before}{begin}{made}{end}{after}", "utf-8")


def table(cells: Cells, places: Sequence[str]) -> str:
    """Markdown: a row for each bus, a column for each layout and database."""
    headings = [_heading(place) for place in PLACES]
    lines = [f"| bus | {' | '.join(headings)} |", f"| --- |{' --- |' * len(PLACES)}"]
    for bus in BUSES:
        row = [f"{bus}:{place}" for place in PLACES]
        found = [cells[each] if each in places else NOT_NEEDED for each in row]
        lines.append(f"| `{bus}` | {' | '.join(found)} |")
    return "\n".join(lines) + "\n"


def _read(known: str) -> dict[str, str]:
    """The cells of a table that was written before, perhaps without the newest bus."""
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", known, re.MULTILINE)
    return {
        f"{bus}:{place}": cell
        for bus, cells in rows
        for place, cell in zip(PLACES, cells.split(" | "), strict=False)
    }


def _heading(place: str) -> str:
    layout, database = place.split(":")
    return f"{_LAYOUTS[layout]}, {_DATABASES[database]}"
