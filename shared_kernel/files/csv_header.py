"""Recognizes how a CSV is written by its first lines."""

import re

from shared_kernel.files.columns import Columns, Header, header_of, same_name
from shared_kernel.files.csv_records import CsvRecords
from shared_kernel.files.reading import DELIMITERS, Reading
from shared_kernel.files.text_lines import without_end

_SEPARATOR = re.compile(r'\ufeff?"?sep=(.)"?\s*', re.IGNORECASE)


def recognized(
    records: CsvRecords, columns: Columns, reading: Reading
) -> tuple[str, Header]:
    """The delimiter, named or recognized, and the header, which is taken.

    Raises UnusableFileError.
    """
    delimiters = (reading.delimiter,) if reading.delimiter else DELIMITERS
    if said := _SEPARATOR.fullmatch(without_end(records.peek_line() or "")):
        records.take_line()
        delimiters = (reading.delimiter or said[1],)
    found = records.header(delimiters) or {delimiters[0]: []}
    known = columns.known_as(reading.names)

    def fits(delimiter: str) -> tuple[int, int]:
        cells = found[delimiter]
        named = sum(name in known for name in map(same_name, cells))
        return named, len(cells)

    delimiter = max(found, key=fits)
    header = header_of(found[delimiter], columns, reading.names)
    records.take_header(delimiter)
    return delimiter, header
