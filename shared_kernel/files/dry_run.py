"""Files whose rows are done and undone: the very path of the import, nothing is kept.

Each chunk is a transaction that is rolled back, so others wait no longer for the
database than beside a real run.
"""

import json
import sqlite3
from collections.abc import Callable, Sequence

import attrs

from shared_kernel.files.columns import Columns
from shared_kernel.files.outcomes import Outcome, Refused
from shared_kernel.files.remarks import Remarks
from shared_kernel.files.row_file import Row
from shared_kernel.files.run import Work


class EarlierRows:
    """The rows that a real run would have done, on disk if there are many.

    `key` is the same for rows that could depend on each other.
    """

    def __init__(self, key: Callable[[Row], str]) -> None:
        self._key = key
        # SQLite's own temporary file: it spills what does not fit in its cache.
        self._rows = sqlite3.connect("", isolation_level=None)
        self._rows.execute("CREATE TABLE done (key TEXT, number INTEGER, row TEXT)")
        self._rows.execute("CREATE INDEX done_by_key ON done (key)")
        self._rows.execute("BEGIN")

    def add(self, row: Row) -> None:
        self._rows.execute(
            "INSERT INTO done VALUES (?, ?, ?)",
            (self._key(row), row.number, json.dumps(dict(row.values))),
        )

    def like(self, rows: Sequence[Row]) -> list[Row]:
        """Those of the same keys, in the order of the file."""
        found = self._rows.execute(
            "SELECT number, row FROM done WHERE key IN"
            " (SELECT value FROM json_each(?)) ORDER BY number",
            (json.dumps(list(map(self._key, rows))),),
        )
        return [Row(number, json.loads(values)) for number, values in found]

    def close(self) -> None:
        self._rows.close()


@attrs.frozen
class DryRun:
    """`work` does a chunk behind the earlier rows that it depends on, and undoes both.

    So what comes of a row is what would come of it. `named` gives a row what identifies
    it in its file, so that it can be read again.
    """

    work: Work
    earlier: EarlierRows
    named: Callable[[Row], Row] = lambda row: row

    @property
    def columns(self) -> Columns:
        return self.work.columns

    @property
    def subject(self) -> str:
        return self.work.subject

    @property
    def done(self) -> str:
        return f"would be {self.work.done}"

    @property
    def remarks(self) -> Remarks:
        return self.work.remarks

    def apply(self, rows: Sequence[Row]) -> Sequence[Outcome | Refused]:
        rows = [self.named(row) for row in rows]
        before = self.earlier.like(rows)
        outcomes = self.work.apply([*before, *rows])[len(before) :]
        for row, outcome in zip(rows, outcomes, strict=True):
            if outcome is Outcome.DONE:
                self.earlier.add(row)
        return outcomes

    def wait_until_visible(self, timeout_s: float) -> None:
        """Nothing has changed."""
