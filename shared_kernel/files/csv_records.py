"""The records of a CSV, line by line: what is damaged costs one line, and no more.

RFC 4180, with any delimiter, and with quotes within cells that do not begin with one.
"""

import csv
import re
from collections import deque
from collections.abc import Callable, Iterator

import attrs

from shared_kernel.files.text_lines import LONGEST_LINE, without_end

MOST_LINES = 1000
"""Of one record. A quote that is open for longer was never closed."""
NEVER_CLOSED = "a quote is opened here and never closed"
AFTER_QUOTE = "text stands behind a closing quote; within quotes write each quote twice"


class DamagedError(Exception):
    """A line of which no cells can be read. The message says why."""


@attrs.define
class Record:
    """`number` is that of its first line, counted from 1; it takes `lines`.

    With a `fault` the only cell is the text of a line from which none could be read.
    `spans_rows` says that most of its lines could be rows of their own, `plain` that
    its cells have nothing of a spreadsheet.
    """

    number: int
    cells: list[str]
    lines: int = 1
    fault: str | None = None
    spans_rows: bool = False
    plain: bool = False


class CsvRecords:
    """Reads records from `lines`; `blank` counts empty ones below the header."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._ahead: deque[str] = deque()
        self._number = 0
        self.blank = 0

    @property
    def taken(self) -> int:
        """Lines so far."""
        return self._number

    def header(self, delimiters: tuple[str, ...]) -> dict[str, list[str]]:
        """The names in the first line that is not empty, by delimiter.

        It is taken by `take_header`.
        """
        while (line := self._peek(0)) is not None and not line.strip():
            self._take(1)
        found = {}
        for delimiter in delimiters:
            try:
                found[delimiter] = self._read(delimiter)[0] if line else []
            except DamagedError:
                continue
        return found

    def take_header(self, delimiter: str) -> None:
        self._take(self._read(delimiter)[1])

    def take_line(self) -> None:
        """Skip a line."""
        self._take(1)

    def peek_line(self) -> str | None:
        return self._peek(0)

    def records(self, delimiter: str, width: int) -> Iterator[Record]:
        """All that follow; each should have `width` cells."""
        ahead, lines = self._ahead, self._lines
        while (line := ahead.popleft() if ahead else next(lines, None)) is not None:
            if '"' in line:
                ahead.appendleft(line)
                yield self._quoted(delimiter, width)
                continue
            self._number += 1
            if text := without_end(line):
                cells = text.split(delimiter)
                yield Record(self._number, cells, plain=_is_plain(text))
            else:
                self.blank += 1

    def _quoted(self, delimiter: str, width: int) -> Record:
        """The next record; with quotes in its first line."""
        number, spans_rows = self._number + 1, False
        first = self._peek(0) or ""
        try:
            cells, lines = self._read(delimiter)
            if lines > 1:
                spans_rows = self._spans_rows(delimiter, width, lines)
            last = self._peek(lines - 1) or ""
            if spans_rows and len(cells) != width and _closes_no_quote(last, delimiter):
                raise DamagedError(NEVER_CLOSED)
        except DamagedError as damage:
            self._take(1)
            return Record(number, [without_end(first)], fault=str(damage))
        self._take(lines)
        plain = lines == 1 and _is_plain(first)
        return Record(number, cells, lines, spans_rows=spans_rows, plain=plain)

    def _read(self, delimiter: str) -> tuple[list[str], int]:
        """The cells of the record that begins here, and its number of lines."""
        first = self._peek(0) or ""
        try:
            # The csv module is fast. What it does not read is looked at closely.
            (cells,) = csv.reader((first,), delimiter=delimiter, strict=True)
            return cells, 1
        except (csv.Error, ValueError):
            taken, size = 1, len(first)

        def more() -> str:
            nonlocal taken, size
            line = self._peek(taken) if taken < MOST_LINES else None
            size += len(line or "")
            if line is None or size > LONGEST_LINE:
                raise DamagedError(NEVER_CLOSED)
            taken += 1
            return line

        return cells_of(first, delimiter, more), taken

    def _spans_rows(self, delimiter: str, width: int, lines: int) -> bool:
        """Whether most lines but the first could be rows of their own."""
        widths = [
            _width(self._peek(number) or "", delimiter) for number in range(1, lines)
        ]
        return 2 * widths.count(width) > len(widths)

    def _peek(self, number: int) -> str | None:
        while len(self._ahead) <= number:
            line = next(self._lines, None)
            if line is None:
                return None
            self._ahead.append(line)
        return self._ahead[number]

    def _take(self, lines: int) -> None:
        for _ in range(lines):
            self._ahead.popleft()
        self._number += lines


def cells_of(line: str, delimiter: str, more: Callable[[], str]) -> list[str]:
    """The cells of a record that begins with `line`; `more` gives its next lines.

    Raises DamagedError, and what `more` raises.
    """
    cells, at = [], 0
    while True:
        if line.startswith('"', at):
            cell, line, at = _quoted_cell(line, at + 1, more)
            behind = line[at : at + 1]
            if behind not in ("", "\r", "\n", delimiter):
                raise DamagedError(AFTER_QUOTE)
        else:
            end = line.find(delimiter, at)
            behind = "" if end < 0 else delimiter
            cell = line[at:end] if behind else without_end(line[at:])
            at = end
        cells.append(cell)
        if behind != delimiter:
            return cells
        at += 1


def _quoted_cell(line: str, at: int, more: Callable[[], str]) -> tuple[str, str, int]:
    """The cell, the line in which it ends, and the place behind its closing quote."""
    parts = []
    while True:
        end = line.find('"', at)
        if end < 0:
            parts.append(line[at:])
            line, at = more(), 0
        elif line.startswith('"', end + 1):
            parts.append(line[at : end + 1])
            at = end + 2
        else:
            parts.append(line[at:end])
            return "".join(parts), line, end + 1


def _is_plain(text: str) -> bool:
    return "'" not in text and "=" not in text


def _width(line: str, delimiter: str) -> int | None:
    """How many cells the line has by itself; None if a quote stays open."""

    def no_more() -> str:
        raise DamagedError(NEVER_CLOSED)

    try:
        return len(cells_of(line, delimiter, no_more))
    except DamagedError:
        return None


def _closes_no_quote(line: str, delimiter: str) -> bool:
    """Whether each quote belongs to a cell of this line, and none to one above."""
    mark = re.escape(delimiter)
    quoted = rf'(?:(?<={mark})|^)"(?:[^"]|"")*"(?={mark}|$)'
    return '"' not in re.sub(quoted, "", without_end(line))
