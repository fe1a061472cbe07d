"""The state of an import: how far it has come, and how fast."""

from collections.abc import Sequence
from typing import Any

import attrs
import msgspec
import sqlalchemy as sa

from catalog.adapters.imports.import_options import AS_WRITTEN, ImportOptions
from catalog.adapters.imports.import_parts import remarks_of
from shared_kernel.dead_letters.letter import DeadLetter
from shared_kernel.files.remarks import Remarks

RECENT_US = 10_000_000
"""The rate is that of the last ten seconds."""


@attrs.frozen(kw_only=True)
class ImportState:
    """`state` is receiving, waiting, running, stuck, done or cancelled.

    If it is stuck, no message of it is left in the queue, or they wait behind a dead
    letter: `stuck_on` are those that are dead letters. `rows` are known once all are
    received; those of a foreign file that are nothing to us are skipped from the
    beginning. `rate_per_second` is in rows, of the last seconds or, when it has ended,
    of all. `seconds_left` is None when that is unknown. `remarks_on_file` are known
    once all is received, `remarks_on_rows` grow.
    """

    id: str
    file: str
    options: ImportOptions
    state: str
    rows: int | None
    registered: int
    updated: int
    skipped: int
    refused: int
    rate_per_second: float
    seconds_left: float | None
    begun_us: int
    ended_us: int | None
    columns: Sequence[str]
    remarks_on_file: Remarks
    remarks_on_rows: Remarks = attrs.field(factory=Remarks)
    stuck_on: Sequence[DeadLetter] = ()

    @property
    def handled(self) -> int:
        return self.registered + self.updated + self.skipped + self.refused

    @property
    def has_ended(self) -> bool:
        return self.ended_us is not None

    @property
    def remarks(self) -> list[str]:
        """What people should know of the file besides what was refused, each once."""
        return [*self.remarks_on_file.lines(), *self.remarks_on_rows.lines()]


def waiting(
    import_id: str, file: str, columns: Sequence[str], *, rows: int, begun_us: int
) -> ImportState:
    """One that has just been received as it is written."""
    return ImportState(
        id=import_id,
        file=file,
        options=AS_WRITTEN,
        state="waiting",
        rows=rows,
        registered=0,
        updated=0,
        skipped=0,
        refused=0,
        rate_per_second=0.0,
        seconds_left=None,
        begun_us=begun_us,
        ended_us=None,
        columns=columns,
        remarks_on_file=Remarks(),
    )


def state_of(row: sa.Row[Any], now_us: int) -> ImportState:
    registered, updated = int(row.all_registered), int(row.all_updated)
    skipped, refused = int(row.all_skipped), int(row.all_refused)
    # Those of which an outcome is known: that is the law for files.
    handled = registered + updated + skipped + refused
    state, ended_us = _stage(row, handled)
    rate = _rate(row, handled, ended_us, now_us)
    seconds_left = (row.rows - handled) / rate if rate and row.received_us else None
    return ImportState(
        id=row.id,
        file=row.file,
        options=msgspec.json.decode(row.options, type=ImportOptions),
        state=state,
        rows=row.rows + row.left_out if row.received_us is not None else None,
        registered=registered,
        updated=updated,
        skipped=skipped + row.left_out,
        refused=refused,
        rate_per_second=round(rate, 1),
        seconds_left=(
            0.0
            if ended_us is not None
            else None
            if seconds_left is None
            else round(seconds_left, 1)
        ),
        begun_us=row.begun_us,
        ended_us=ended_us,
        columns=msgspec.json.decode(row.columns),
        remarks_on_file=remarks_of(row.remarks),
    )


def _stage(row: sa.Row[Any], handled: int) -> tuple[str, int | None]:
    """The state, and when it ended."""
    if row.received_us is not None and handled == row.rows:
        return "done", max(row.changed_us, row.received_us)
    if row.cancelled_us is not None:
        return "cancelled", row.cancelled_us
    if row.received_us is None:
        return "receiving", None
    return ("running" if handled else "waiting"), None


def _rate(row: sa.Row[Any], handled: int, ended_us: int | None, now_us: int) -> float:
    """In rows a second, of the last seconds or, when it has ended, of all."""
    if ended_us is not None:
        counted, since_us, until_us = handled, row.begun_us, ended_us
    else:
        counted, until_us = int(row.recent), now_us
        since_us = max(row.received_us or row.begun_us, now_us - RECENT_US)
    return float(counted * 1e6 / max(1, until_us - since_us))
