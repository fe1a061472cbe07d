"""Files of rows, CSV or NDJSON in UTF-8, streamed: they may be larger than memory.

A row that cannot be read carries its fault, and reading continues with the next row.
UnusableFileError is for faults that make the whole file unusable.
"""

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

import attrs

from shared_kernel.documents.schema import Schema
from shared_kernel.files.csv_text import undone
from shared_kernel.files.json_rows import ANY_OBJECT, json_values
from shared_kernel.files.remarks import Remarks

CSV = "csv"
NDJSON = "ndjson"
FORMATS = {".csv": CSV, ".ndjson": NDJSON, ".jsonl": NDJSON}
REASON = "reason"
LONGEST_LINE = 2**20


class UnusableFileError(Exception):
    """The message says in one line what is wrong with the file, and how to fix it."""


@attrs.frozen
class Columns:
    """The columns of a row; in NDJSON a line is an object of the schema `document`.

    `presets` has, by preset, columns by which files for it are recognized. A column
    `reason` is ignored: so a file of refused rows can be corrected and used.
    """

    required: Sequence[str]
    optional: Sequence[str] = ()
    presets: Mapping[str, Sequence[str]] = attrs.field(factory=dict)
    document: Schema[Any] = ANY_OBJECT

    @property
    def names(self) -> list[str]:
        return [*self.required, *self.optional]

    def preset_of(self, header: Sequence[str]) -> str | None:
        """The preset for files with this header."""
        given = set(map(same_name, header))
        for preset, marks in self.presets.items():
            if given.issuperset(map(same_name, marks)):
                return preset
        return None

    def __str__(self) -> str:
        if not self.optional:
            return ", ".join(self.required)
        return f"{', '.join(self.required)}; if wanted, {', '.join(self.optional)}"


@attrs.frozen
class Row:
    """`number` is the line in an editor: a CSV's header is row 1.

    `values` are by column: text in a CSV, JSON values in NDJSON. With a `fault` the row
    cannot be used, and `values` are those that could be read.
    """

    number: int
    values: Mapping[str, Any]
    fault: str | None = None


class RowFile:
    """`with` opens the file and reads its header, if it has one.

    `file` is read instead, if it is given: then `path` is only its name. Raises
    UnusableFileError. `left_out` counts rows that are nothing to us; `remarks` say why.
    """

    def __init__(
        self,
        path: Path,
        columns: Columns,
        form: str | None = None,
        file: IO[bytes] | None = None,
    ) -> None:
        self.path = path
        self.columns = columns
        self.header: Sequence[str] = columns.names
        self.size = 0
        self.bytes_read = 0
        self.left_out = 0
        self.remarks = Remarks()
        self._form = form or FORMATS.get(path.suffix.lower())
        self._file = file
        self._lines_read = 0
        self._rows: Iterator[Row] = iter(())

    def __enter__(self) -> Self:
        if self._form is None:
            raise UnusableFileError(
                f"{self.path}: neither .csv nor .ndjson nor .jsonl; say which it is "
                "with --format"
            )
        if self._file is None:
            try:
                self._file = self.path.open("rb")
            except OSError as error:
                raise UnusableFileError(f"{self.path}: {error.strerror}") from error
            self.size = os.fstat(self._file.fileno()).st_size
        try:
            self._begin(self._lines(self._file))
        except UnusableFileError:
            self._file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def chunks(self, size: int) -> Iterator[list[Row]]:
        """All rows, at most `size` at a time. Raises UnusableFileError.

        Rows before the unusable part are returned first.
        """
        chunk: list[Row] = []
        try:
            for row in self._rows:
                chunk.append(row)
                if len(chunk) == size:
                    yield chunk
                    chunk = []
        except UnusableFileError:
            if chunk:
                yield chunk
            raise
        if chunk:
            yield chunk

    def _begin(self, lines: Iterator[str]) -> None:
        if self._form == CSV:
            reader = csv.reader(lines, strict=True)
            self.header = self._header_of(reader)
            self._rows = self._csv_rows(reader, self.header)
        else:
            self._rows = self._ndjson_rows(lines)

    def _lines(self, file: IO[bytes]) -> Iterator[str]:
        while line := file.readline(LONGEST_LINE + 1):
            self.bytes_read += len(line)
            self._lines_read += 1
            if len(line) > LONGEST_LINE:
                raise UnusableFileError(
                    f"{self.path}: line {self._lines_read} is longer than "
                    f"{LONGEST_LINE:,} bytes; is this a {self._form} file?"
                )
            try:
                yield line.decode("utf-8-sig" if self._lines_read == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise UnusableFileError(
                    f"{self.path}: line {self._lines_read} is not UTF-8 (byte "
                    f"0x{line[error.start]:02x}); save the file as UTF-8"
                ) from error

    def _header_of(self, reader: Iterator[list[str]]) -> list[str]:
        try:
            header = [name.strip() for name in next(reader)]
        except (StopIteration, csv.Error):
            header = []
        known = [*self.columns.names, REASON]
        if preset := self.columns.preset_of(header):
            problem = (
                f"these are the columns of another software: say --preset {preset}"
            )
        elif unknown := [name for name in header if name not in known]:
            problem = "unknown column " + ", ".join(map(repr, unknown))
        elif missing := [name for name in self.columns.required if name not in header]:
            problem = "no column " + ", ".join(missing) + " in its first line"
        elif twice := {name for name in header if header.count(name) > 1}:
            problem = "more than one column " + ", ".join(sorted(twice))
        else:
            return header
        raise UnusableFileError(
            f"{self.path}: {problem}; the columns, with commas between, are: "
            f"{self.columns}"
        )

    def _csv_rows(
        self, reader: Iterator[list[str]], header: Sequence[str]
    ) -> Iterator[Row]:
        number = 1
        while True:
            number += 1
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(number, {}, f"not CSV: {error}")
                continue
            values = list(map(undone, values))
            if len(values) == len(header):
                yield Row(number, dict(zip(header, values, strict=True)))
            elif values:
                yield Row(
                    number,
                    dict(zip(header, values, strict=False)),
                    f"{len(values)} values where the header has {len(header)} columns",
                )

    def _ndjson_rows(self, lines: Iterator[str]) -> Iterator[Row]:
        known = frozenset([*self.columns.names, REASON])
        for number, line in enumerate(lines, start=1):
            if line.strip():
                values, fault = json_values(line, self.columns.document, (REASON,))
                unknown = [name for name in values if name not in known]
                if unknown and not fault:
                    fault = f"unknown field {', '.join(map(repr, unknown))}"
                yield Row(number, values, fault)


def same_name(name: str) -> str:
    """Equal for names of columns that differ in case, spaces and underscores alone."""
    return " ".join(name.replace("_", " ").split()).casefold()
