"""The physical lines of a file: decompressed, decoded, and counted."""

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from typing import IO, Any, cast

from shared_kernel.files.errors import UnusableFileError

LONGEST_LINE = 2**24
"""In characters: as much as is read at once."""
_GZIP = b"\x1f\x8b"
_WORKBOOKS = {
    b"PK\x03\x04": "a workbook (such as .xlsx or .ods)",
    b"\xd0\xcf\x11\xe0": "a workbook (.xls)",
}
_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_LINE_END = "\r\n"
# A byte that the encoding does not have, as PEP 383 decodes it.
_UNDECODED = re.compile("[\udc80-\udcff]")


class TextLines:
    """Iterates over the lines of `file`, each with its end (CR, LF or CRLF).

    `name` is what people call the file. A byte order mark says what the encoding is,
    else it is `encoding`, UTF-8 by default. Raises UnusableFileError.
    """

    def __init__(
        self,
        name: str,
        file: IO[bytes],
        encoding: str | None,
        *,
        unpacks: bool = True,
    ) -> None:
        self._name = name
        self.read = 0
        self.characters = 0
        try:
            unpacked = _peekable(file)
            if unpacked.peek(2)[:2] == _GZIP:
                if not unpacks:
                    raise UnusableFileError(f"{name}: it is packed; unpack it first")
                unpacked = _unpacked(unpacked)
            start = unpacked.peek(4)[:4]
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise self._bad_archive(error) from error
        for mark, kind in _WORKBOOKS.items():
            if start.startswith(mark):
                raise UnusableFileError(
                    f"{name}: this is {kind}, whatever its name says; save it as CSV "
                    "(UTF-8) there, and use that file"
                )
        self.encoding = self._encoding_by(start, encoding)
        # So all lines before a byte that cannot be decoded are read.
        self._text = io.TextIOWrapper(
            unpacked, self.encoding, errors="surrogateescape", newline=""
        )

    def __iter__(self) -> Iterator[str]:
        most = LONGEST_LINE + 1
        for line in self._decoded(most):
            self.read += 1
            self.characters += len(line)
            if not line.isascii() and (byte := _UNDECODED.search(line)):
                raise self._undecodable(f"byte 0x{ord(byte[0]) - 0xDC00:02x}")
            if len(line) == most:
                raise UnusableFileError(
                    f"{self._name}: line {self.read} is longer than "
                    f"{LONGEST_LINE:,} characters; what kind of file is this?"
                )
            yield line

    def detach(self) -> None:
        """Leave the file open when this is forgotten."""
        self._text.detach()

    def _decoded(self, most: int) -> Iterator[str]:
        """The lines, cut where they are longer than `most`."""
        readline = self._text.readline
        try:
            while line := readline(most):
                yield line
        except UnicodeError as error:
            self.read += 1
            raise self._undecodable(str(error)) from error
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise self._bad_archive(error) from error

    def _encoding_by(self, start: bytes, given: str | None) -> str:
        for mark, marked in _MARKS.items():
            if not start.startswith(mark):
                continue
            if (
                given
                and given.replace("-", "").replace("_", "")[:5]
                != (marked.replace("-", "")[:5])
            ):
                raise UnusableFileError(
                    f"{self._name}: it begins with the mark of {marked[:6].upper()}, "
                    f"so it is not {given}; leave --encoding out"
                )
            return marked
        return given or "utf-8"

    def _undecodable(self, what: str) -> UnusableFileError:
        kind = self.encoding.upper().removesuffix("-SIG")
        return UnusableFileError(
            f"{self._name}: line {self.read} is not {kind} ({what}); save the file as "
            "UTF-8, or name its encoding, such as --encoding cp1252"
        )

    def _bad_archive(self, error: Exception) -> UnusableFileError:
        return UnusableFileError(
            f"{self._name}: it cannot be unpacked behind line {self.read}: {error}"
        )


def without_end(line: str) -> str:
    return line.rstrip(_LINE_END)


def _peekable(file: IO[bytes]) -> io.BufferedReader:
    if hasattr(file, "peek"):
        return cast(io.BufferedReader, file)
    return io.BufferedReader(cast(io.RawIOBase, file))


def _unpacked(file: io.BufferedReader) -> io.BufferedReader:
    unpacked: Any = gzip.GzipFile(fileobj=file)
    return cast(io.BufferedReader, unpacked)
