"""Files of other software: a preset gives their rows in our columns."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

import attrs

from shared_kernel.files.columns import Columns
from shared_kernel.files.csv_text import csv_lines
from shared_kernel.files.errors import UnusableFileError
from shared_kernel.files.reading import AS_IT_IS, Reading
from shared_kernel.files.row_file import CSV, Row, RowFile


@attrs.frozen
class LeftOut:
    """A row that is nothing to us; `why` completes `left out as …`."""

    number: int
    why: str


class Preset(Protocol):
    """How the rows of a foreign file become ours."""

    @property
    def columns(self) -> Columns:
        """Those of the foreign file that it needs; any others are ignored."""

    @property
    def aliases(self) -> Mapping[str, str]:
        """Other names of these columns."""

    @property
    def gives(self) -> Sequence[str]:
        """Our columns, which the rows will have."""

    def rows(self, rows: Iterator[Row]) -> Iterator[Row | LeftOut]:
        """The rows of one file, with their numbers in the foreign file."""


class ForeignFile(RowFile):
    """A file of other software, read as rows of ours; refused rows are ours, too."""

    def __init__(
        self,
        path: Path,
        preset: Preset,
        reading: Reading = AS_IT_IS,
        file: IO[bytes] | None = None,
    ) -> None:
        columns = attrs.evolve(preset.columns, aliases=preset.aliases, foreign=True)
        super().__init__(path, columns, reading, file)
        self._preset = preset
        if self._form is not None and self._form != CSV:
            raise UnusableFileError(f"{path}: a preset reads CSV, not {self._form}")

    def _begin(self, lines: Iterator[str]) -> None:
        super()._begin(lines)
        foreign, self._rows = self._rows, iter(())
        self.header = self._preset.gives
        self._rows = self._ours(foreign)

    def _ours(self, foreign: Iterator[Row]) -> Iterator[Row]:
        for row in self._preset.rows(foreign):
            if isinstance(row, LeftOut):
                self.left_out += 1
                self.remarks.add(f"left out as {row.why}", row.number)
            elif row.cells is not None and len(row.cells) > 1:
                # In one cell: its cells must not be taken for ours.
                text = csv_lines([row.cells]).rstrip("\r\n")
                yield attrs.evolve(row, cells=[text])
            else:
                yield row


def opened(
    path: Path,
    columns: Columns,
    reading: Reading,
    preset: Preset | None,
    file: IO[bytes] | None = None,
) -> RowFile:
    """The file at `path`: with `columns`, or of the software of `preset`.

    `file` is read instead, if it is given. Raises UnusableFileError.
    """
    if preset is None:
        return RowFile(path, columns, reading, file)
    return ForeignFile(path, preset, reading, file)


def cell(row: Row, column: str) -> str:
    """Stripped of white space; empty if there is none."""
    value = row.values.get(column)
    return value.strip() if isinstance(value, str) else ""
