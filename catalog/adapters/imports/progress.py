"""How far imports have come, and what they refused."""

from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import msgspec
import sqlalchemy as sa

from catalog.adapters.imports.import_parts import QUEUE
from catalog.adapters.imports.tables import parts, product_imports, refusals
from shared_kernel.clock import Clock, to_us
from shared_kernel.dead_letters import store as dead_letters
from shared_kernel.dead_letters.letter import DeadLetter
from shared_kernel.files.columns import REASON
from shared_kernel.files.csv_text import csv_lines
from shared_kernel.queues import operating
from shared_kernel.queues.jobs import SOURCE
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared

RECENT_US = 10_000_000
"""The rate is that of the last ten seconds."""
PAGE = 500
COUNTS_NOT_USED = (
    "rows that are skipped were registered already, so their stock_count is not used "
    "(counts come by `inventory import-counts`)"
)

_STATES = (
    sa.select(
        product_imports,
        *(
            sa.func.coalesce(sa.func.sum(column), 0).label(f"all_{column.name}")
            for column in (
                parts.c.handled,
                parts.c.registered,
                parts.c.skipped,
                parts.c.refused,
            )
        ),
        sa.func.coalesce(sa.func.max(parts.c.changed_us), 0).label("changed_us"),
        sa.func.coalesce(
            sa.func.sum(
                sa.case(
                    (parts.c.changed_us > sa.bindparam("since_us"), parts.c.handled),
                    else_=0,
                )
            ),
            0,
        ).label("recent"),
    )
    .select_from(
        product_imports.outerjoin(parts, parts.c.import_id == product_imports.c.id)
    )
    .group_by(*product_imports.c)
)
_STATE = _STATES.where(product_imports.c.id == sa.bindparam("of"))
_NEWEST = _STATES.order_by(product_imports.c.id.desc()).limit(sa.bindparam("most"))
_REFUSALS = Prepared(
    sa.select(refusals.c.row, refusals.c.subject, refusals.c.reason, refusals.c.cells)
    .where(
        refusals.c.import_id == sa.bindparam("of"),
        refusals.c.row > sa.bindparam("behind"),
    )
    .order_by(refusals.c.row)
    .limit(sa.bindparam("most", type_=sa.Integer))
)


@attrs.frozen(kw_only=True)
class ImportState:
    """`state` is receiving, waiting, running, stuck, done or cancelled.

    If it is stuck, no message of it is left in the queue, or they wait behind a dead
    letter: `stuck_on` are those that are dead letters. `rows` are known once all are
    received. `rate_per_second` is in rows, of the last seconds or, when it has ended,
    of all. `seconds_left` is None when that is unknown.
    """

    id: str
    file: str
    state: str
    rows: int | None
    registered: int
    skipped: int
    refused: int
    rate_per_second: float
    seconds_left: float | None
    begun_us: int
    ended_us: int | None
    columns: Sequence[str]
    stuck_on: Sequence[DeadLetter] = ()

    @property
    def handled(self) -> int:
        return self.registered + self.skipped + self.refused

    @property
    def has_ended(self) -> bool:
        return self.ended_us is not None

    @property
    def remarks(self) -> list[str]:
        """What the rows said and the import did not use."""
        uses_no_counts = self.skipped and "stock_count" in self.columns
        return [COUNTS_NOT_USED] if uses_no_counts else []


@attrs.frozen
class RefusedRow:
    """`cells` are in the order of the import's columns."""

    row: int
    subject: str
    reason: str
    cells: Sequence[Any]


class ImportProgress:
    """Of the imports in `database`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def state(self, import_id: str) -> ImportState | None:
        """None if there is no such import."""
        found = self._state(import_id)
        return None if found is None else self._looked_at([found])[0]

    def newest(self, most: int) -> list[ImportState]:
        now_us = self._now_us()
        asked = {"most": most, "since_us": now_us - RECENT_US}
        with self._database.reading() as connection:
            rows = connection.execute(_NEWEST, asked).all()
        return self._looked_at([_state(row, now_us) for row in rows])

    def refusals(self, import_id: str, after: int, most: int) -> list[RefusedRow]:
        """At most so many refused rows behind row `after`."""
        asked = {"of": import_id, "behind": after, "most": most}
        with self._database.reading() as connection:
            rows = _REFUSALS.rows(connection, asked)
        return [
            RefusedRow(number, subject, reason, msgspec.json.decode(cells))
            for number, subject, reason, cells in rows
        ]

    def all_refusals(self, import_id: str) -> Iterator[RefusedRow]:
        after = 0
        while some := self.refusals(import_id, after, PAGE):
            yield from some
            after = some[-1].row

    def refused_csv(self, state: ImportState) -> str:
        """The refused rows in the columns of the file, and their reasons."""
        rows = ([*each.cells, each.reason] for each in self.all_refusals(state.id))
        return csv_lines([[*state.columns, REASON]]) + csv_lines(rows)

    def _state(self, import_id: str) -> ImportState | None:
        now_us = self._now_us()
        asked = {"of": import_id, "since_us": now_us - RECENT_US}
        with self._database.reading() as connection:
            row = connection.execute(_STATE, asked).one_or_none()
        return None if row is None else _state(row, now_us)

    def _looked_at(self, states: list[ImportState]) -> list[ImportState]:
        """The same, and which of them are stuck."""
        handled = {each.id for each in states if each.state in ("waiting", "running")}
        if not handled:
            return states
        with self._database.reading() as connection:
            queued = operating.keys_of(connection, QUEUE, handled)
            dead = dead_letters.keys_among(connection, QUEUE, SOURCE, handled)
        waiting = queued - dead
        return [
            self._stuck(each) if each.id in handled - waiting else each
            for each in states
        ]

    def _stuck(self, state: ImportState) -> ImportState:
        # Meanwhile the last message may have been settled.
        found = self._state(state.id) or state
        if found.has_ended:
            return found
        with self._database.reading() as connection:
            letters = dead_letters.about(connection, QUEUE, SOURCE, state.id)
        return attrs.evolve(found, state="stuck", stuck_on=letters)

    def _now_us(self) -> int:
        return to_us(self._clock())


def _state(row: sa.Row[Any], now_us: int) -> ImportState:
    handled, begun_us = int(row.all_handled), row.begun_us
    received = row.received_us is not None
    if received and handled == row.rows:
        state, ended_us = "done", max(row.changed_us, row.received_us)
    elif row.cancelled_us is not None:
        state, ended_us = "cancelled", row.cancelled_us
    elif not received:
        state, ended_us = "receiving", None
    else:
        state, ended_us = ("running" if handled else "waiting"), None
    if ended_us is not None:
        counted, since_us, until_us = handled, begun_us, ended_us
    else:
        counted, until_us = int(row.recent), now_us
        since_us = max(row.received_us or begun_us, now_us - RECENT_US)
    rate = counted * 1e6 / max(1, until_us - since_us)
    left = row.rows - handled
    return ImportState(
        id=row.id,
        file=row.file,
        state=state,
        rows=row.rows if received else None,
        registered=int(row.all_registered),
        skipped=int(row.all_skipped),
        refused=int(row.all_refused),
        rate_per_second=round(rate, 1),
        seconds_left=(
            0.0
            if ended_us is not None
            else round(left / rate, 1)
            if rate and received
            else None
        ),
        begun_us=begun_us,
        ended_us=ended_us,
        columns=msgspec.json.decode(row.columns),
    )
