"""Names of order lines: given by people in the column `line`, or made of content.

A made name has a `~` in front, a digest of what the line says, and its number among the
equal lines of its file: so it is the same wherever the line stands in the file. Two
files may have equal lines; which file is known by a digest that does not depend on the
order of its lines.
"""

import hashlib
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from inventory.domain.value_objects import LONGEST_LINE_NAME
from shared_kernel.domain import foreign_names
from shared_kernel.domain.errors import InvalidValue
from shared_kernel.files.row_file import Row

LINE = "line"
_SAYING = ("order", "sku", "quantity", "ordered_on", "shipped_on")
_MADE = re.compile(r"(~[0-9a-f]{10}\.[1-9][0-9]{0,18})~([0-9a-f]{16})")


@attrs.frozen
class LineName:
    """`file` is the digest of the file in which a made name was made; else empty."""

    name: str
    file: str = ""

    @property
    def cell(self) -> str:
        """For the file of refused lines, whose lines are still those of the file."""
        return f"{self.name}~{self.file}" if self.file else self.name


def given_name(text: str) -> LineName:
    """Of a cell that has text. Raises InvalidValue."""
    if made := _MADE.fullmatch(text):
        return LineName(made[1], made[2])
    if text.startswith("~"):
        raise InvalidValue(
            field=LINE,
            value=text,
            expected="a name that does not begin with '~', as made ones do, or a made "
            "one as it was",
        )
    name = foreign_names.normalized(text)
    foreign_names.check(LINE, name, LONGEST_LINE_NAME)
    return LineName(name)


class EqualLines:
    """Counts the equal lines of a file, on disk if there are many."""

    def __init__(self) -> None:
        # SQLite's own temporary file: it spills what does not fit in its cache.
        self._counts = sqlite3.connect("", isolation_level=None)
        self._counts.execute(
            "CREATE TABLE line (content BLOB PRIMARY KEY, lines INTEGER) WITHOUT ROWID"
        )
        self._counts.execute("BEGIN")

    def number(self, content: bytes) -> int:
        """1 for the first line of this content, then 2, and so on."""
        [[number]] = self._counts.execute(
            "INSERT INTO line VALUES (?, 1)"
            " ON CONFLICT DO UPDATE SET lines = lines + 1 RETURNING lines",
            (content,),
        ).fetchall()
        return int(number)

    def close(self) -> None:
        self._counts.close()


def made_name(content: bytes, number: int, file: str) -> LineName:
    return LineName(f"~{content.hex()[:10]}.{number}", file)


def named_row(row: Row, name: LineName) -> Row:
    """The row for the file of refused rows, where its name stands in front."""
    cells = row.cells
    if cells is not None:
        [first, *others] = cells or [""]
        is_object = not others and first.startswith("{")
        cells = [_named_object(first, name)] if is_object else [name.cell, *cells]
    # `attrs.evolve` would take a hundredth of a replay.
    return Row(row.number, {**row.values, LINE: name.cell}, row.fault, cells)


def _named_object(text: str, name: LineName) -> str:
    """A line of NDJSON, which may be damaged."""
    rest = text[1:].lstrip()
    comma = "" if rest.startswith("}") else ", "
    return f'{{"{LINE}": "{name.cell}"{comma}{rest}'


def content_of(row: Row) -> bytes:
    """A digest of what the row says, its text if it cannot be read."""
    return _digest(row, row.values.get(LINE))


def made_name_without(row: Row) -> LineName:
    """The name that the first line like this one has if people gave it none."""
    return made_name(_digest(row, None), 1, "")


def _digest(row: Row, name: object) -> bytes:
    values = row.values
    # Twice a line, so a call for each value would be felt.
    given = [values.get(column) for column in _SAYING]
    said = [each.strip() if isinstance(each, str) else _text(each) for each in given]
    said.append(_text(name))
    if row.fault:
        said += row.cells or ()
    return hashlib.blake2b("\x1e".join(said).encode(), digest_size=16).digest()


def digest_of(chunks: Iterable[Sequence[Row]]) -> str:
    """Of a file: the same for the same lines in any order."""
    total = 0
    for rows in chunks:
        for row in rows:
            total += int.from_bytes(content_of(row)[:8])
    return f"{total % 2**64:016x}"


def _text(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    return "" if value is None else str(value)


def has_name(values: Mapping[str, Any]) -> bool:
    return bool(_text(values.get(LINE)))
