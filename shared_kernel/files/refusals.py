"""The refused rows of a file, with reasons, in a file beside it for correction."""

import contextlib
import errno
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import attrs

from shared_kernel.files.columns import REASON
from shared_kernel.files.csv_text import csv_lines
from shared_kernel.files.errors import UnusableFileError
from shared_kernel.files.row_file import Row
from shared_kernel.files.values import excerpt

SHOWN = 50
LONGEST_SUBJECT = 80
LONGEST_REASON = 1000


@attrs.frozen
class Refusal:
    row: int
    subject: str
    reason: str


class Refusals:
    """Those of one run: it deletes an earlier run's file; no refusals make no file.

    `subject` is the column that names a row. Methods raise UnusableFileError.
    """

    def __init__(self, path: Path, header: Sequence[str], subject: str) -> None:
        self.path = path
        self.count = 0
        self.first: list[Refusal] = []
        self._columns = [name for name in header if name != REASON]
        self._subject = subject
        self._file: TextIO | None = None
        with self._writing():
            path.unlink(missing_ok=True)
            if not path.parent.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, "not in a directory")

    def add(self, row: Row, reason: str) -> None:
        self.count += 1
        reason = excerpt(reason, LONGEST_REASON)
        if len(self.first) < SHOWN:
            subject = excerpt(str(row.values.get(self._subject, "")), LONGEST_SUBJECT)
            self.first.append(Refusal(row.number, subject, reason))
        with self._writing():
            self._write([*row.in_columns(self._columns), reason])

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _write(self, cells: Sequence[str]) -> None:
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8", newline="")
            self._file.write(csv_lines([[*self._columns, REASON]]))
        self._file.write(csv_lines([cells]))

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UnusableFileError(
                f"{self.path}: {error.strerror}; name another place for what is "
                "refused with --refused"
            ) from error
