"""Files of rows, CSV or NDJSON, streamed: they may be larger than memory.

Each line of the file is part of one row, or of the header, or empty. A row that cannot
be read carries its fault and its whole text, and reading continues with the next line.
UnusableFileError is for faults that make the whole file unusable.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

import attrs

from shared_kernel.files.columns import REASON, Columns, Header
from shared_kernel.files.csv_header import recognized
from shared_kernel.files.csv_records import CsvRecords
from shared_kernel.files.csv_values import values_of
from shared_kernel.files.errors import LostLinesError, UnusableFileError
from shared_kernel.files.json_rows import NOT_AN_OBJECT, json_values
from shared_kernel.files.reading import AS_IT_IS, Reading
from shared_kernel.files.remarks import Remarks
from shared_kernel.files.text_lines import TextLines

CSV = "csv"
NDJSON = "ndjson"
FORMATS = {".csv": CSV, ".tsv": CSV, ".ndjson": NDJSON, ".jsonl": NDJSON}
PACKED = ".gz"
STDIN = Path("-")
LONGEST_CHUNK = 2**22
"""In characters, beyond which a chunk has no further row."""
SPANS_ROWS = (
    "quoted text goes over lines that look like rows; if they are, its quote was never "
    "closed"
)


@attrs.frozen
class Row:
    """`number` is its first line in the file, counted from 1.

    `values` are by column: text in a CSV, JSON values in NDJSON. With a `fault` the row
    cannot be used, and `values` are those that could be read. `cells` are the whole
    text of the row, where `values` do not say it: damaged, or in NDJSON.
    """

    number: int
    values: Mapping[str, Any]
    fault: str | None = None
    cells: Sequence[str] | None = None

    def in_columns(self, columns: Sequence[str]) -> list[str]:
        """The row in a file of refused rows, as it was given."""
        if self.cells is not None:
            is_object = len(self.cells) == 1 and self.cells[0].startswith("{")
            empty = len(columns) - 1 if is_object else 0
            return [*self.cells, *[""] * empty]
        return [_shown(self.values.get(name)) for name in columns]


class RowFile:
    """`with` opens the file and reads its header, if it has one.

    `file` is read instead, if it is given: then `path` is only its name; `-` is the
    standard input. Raises UnusableFileError. `left_out` counts rows that are nothing to
    us; `remarks` say why.
    """

    def __init__(
        self,
        path: Path,
        columns: Columns,
        reading: Reading = AS_IT_IS,
        file: IO[bytes] | None = None,
    ) -> None:
        self.path = path
        self.columns = columns
        self.header: Sequence[str] = columns.names
        self.size = 0
        self.left_out = 0
        self.remarks = Remarks()
        self._reading = reading
        self._form = reading.form or FORMATS.get(_suffix(path))
        self._file = file
        self._lines: TextLines | None = None
        self._lines_passed = 0
        self._rows: Iterator[Row] = iter(())

    @property
    def bytes_read(self) -> int:
        """Of `size`; 0 if that is unknown."""
        return self._file.tell() if self._file is not None and self.size else 0

    def __enter__(self) -> Self:
        if self._form is None:
            raise UnusableFileError(
                f"{self.path}: neither .csv nor .ndjson nor .jsonl; say which it is "
                "with --format"
            )
        # What somebody sends over the network must not grow.
        is_sent = self._file is not None
        if self._file is None:
            self._file = self._opened()
        try:
            self._lines = TextLines(
                str(self.path),
                self._file,
                self._reading.encoding,
                unpacks=not is_sent,
            )
            self._begin(iter(self._lines))
        except UnusableFileError:
            self._file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._lines is not None:
            self._lines.detach()
        if self._file is not None and self.path != STDIN:
            self._file.close()

    def chunks(self, size: int) -> Iterator[list[Row]]:
        """All rows, at most `size` at a time; fewer where they are long.

        Raises UnusableFileError.

        Rows before the unusable part are returned first.
        """
        chunk: list[Row] = []
        most = LONGEST_CHUNK
        try:
            for row in self._rows:
                chunk.append(row)
                if len(chunk) == size or self._characters > most:
                    yield chunk
                    chunk, most = [], self._characters + LONGEST_CHUNK
        except UnusableFileError:
            if chunk:
                yield chunk
            raise
        if chunk:
            yield chunk

    @property
    def _characters(self) -> int:
        return self._lines.characters if self._lines else 0

    def _opened(self) -> IO[bytes]:
        if self.path == STDIN:
            return sys.stdin.buffer
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise UnusableFileError(f"{self.path}: {error.strerror}") from error
        self.size = os.fstat(file.fileno()).st_size
        return file

    def _begin(self, lines: Iterator[str]) -> None:
        if self._form != CSV:
            if self._reading.delimiter or self._reading.names:
                raise UnusableFileError(
                    f"{self.path}: a delimiter and names of columns go with CSV, not "
                    f"with {self._form}"
                )
            self._rows = self._all_of(self._ndjson_rows(lines))
            return
        records = CsvRecords(lines)
        try:
            delimiter, header = recognized(records, self.columns, self._reading)
        except UnusableFileError as error:
            raise UnusableFileError(f"{self.path}: {error}") from error
        self.header = header.names
        if header.ignored:
            self.remarks.say(f"columns that are left out: {', '.join(header.ignored)}")
        self._lines_passed += records.taken
        self._rows = self._all_of(self._csv_rows(records, delimiter, header))

    def _all_of(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows; at the end, every line that was read must have been passed."""
        yield from rows
        read = self._lines.read if self._lines else 0
        if read != self._lines_passed:
            raise LostLinesError(
                f"{self.path}: it has {read} lines, and {self._lines_passed} of them "
                "were handled; this is a fault of the program: please report it"
            )

    def _csv_rows(
        self, records: CsvRecords, delimiter: str, header: Header
    ) -> Iterator[Row]:
        names, width = header.names, len(header.names)
        closely = REASON in names
        for record in records.records(delimiter, width + header.spare):
            self._lines_passed += record.lines
            cells = record.cells
            if not cells[0].strip() and not any(map(str.strip, cells)):
                continue
            if record.spans_rows:
                self.remarks.add(SPANS_ROWS, record.number)
            if record.plain and not closely and len(cells) == width:
                yield Row(record.number, dict(zip(names, cells, strict=True)))
            else:
                yield Row(record.number, *values_of(record, header, self.columns))
        self._lines_passed += records.blank

    def _ndjson_rows(self, lines: Iterator[str]) -> Iterator[Row]:
        known = frozenset([*self.columns.names, REASON])
        for number, line in enumerate(lines, start=1):
            self._lines_passed += 1
            if not (text := line.strip()):
                continue
            if not text.startswith("{"):
                yield Row(number, {}, NOT_AN_OBJECT, [text])
                continue
            values, fault = json_values(text, self.columns.document, (REASON,))
            unknown = [name for name in values if name not in known]
            if unknown and not fault:
                fault = f"unknown field {', '.join(map(repr, unknown))}"
            yield Row(number, values, fault, [text])


def _suffix(path: Path) -> str:
    """That of the name without `.gz`."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [PACKED]:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _shown(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
