"""Which letters write the same rows: a replay of the later one depends on the earlier.

Kept in SQLite's own temporary file, which spills to the disk what does not fit in its
cache: so a rehearsal of any number of letters takes the same memory.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable

from shared_kernel.repair.rehearsed import Rehearsed
from shared_kernel.storage.row_changes import RowChange


class TouchedRows:
    def __init__(self) -> None:
        self._rows = sqlite3.connect("", isolation_level=None)
        self._rows.execute(
            "CREATE TABLE touched (row BLOB, letter INTEGER, PRIMARY KEY (row, letter))"
            " WITHOUT ROWID"
        )
        self._rows.execute("BEGIN")

    def add(self, tried: Iterable[Rehearsed]) -> None:
        self._rows.executemany(
            "INSERT OR IGNORE INTO touched VALUES (?, ?)",
            [
                (_digest(change), each.letter.number)
                for each in tried
                for change in each.written
            ],
        )

    def by(self, tried: Iterable[Rehearsed]) -> set[int]:
        """The letters that write one of the same rows."""
        return {
            letter
            for each in tried
            for row in map(_digest, each.written)
            for (letter,) in self._rows.execute(
                "SELECT letter FROM touched WHERE row = ?", (row,)
            )
        }

    def close(self) -> None:
        self._rows.close()


def _digest(change: RowChange) -> bytes:
    place = [change.table.name, *map(repr, change.key.values())]
    return hashlib.blake2b(json.dumps(place).encode(), digest_size=12).digest()
