"""How far imports have come, and what they refused."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import msgspec
import sqlalchemy as sa

from catalog.adapters.imports import import_rows
from catalog.adapters.imports.import_options import ImportOptions
from catalog.adapters.imports.import_parts import QUEUE, remarks_of
from catalog.adapters.imports.import_rows import KeptRow
from catalog.adapters.imports.tables import parts, product_imports, refusals
from shared_kernel.clock import Clock, to_us
from shared_kernel.dead_letters import store as dead_letters
from shared_kernel.dead_letters.letter import DeadLetter
from shared_kernel.files.columns import REASON
from shared_kernel.files.csv_text import csv_lines
from shared_kernel.files.remarks import Remarks
from shared_kernel.queues import operating
from shared_kernel.queues.jobs import SOURCE
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared, one_of

RECENT_US = 10_000_000
"""The rate is that of the last ten seconds."""
PAGE = 500

_STATES = (
    sa.select(
        product_imports,
        *(
            sa.func.coalesce(sa.func.sum(column), 0).label(f"all_{column.name}")
            for column in (
                parts.c.registered,
                parts.c.updated,
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
_REMARKS = Prepared(
    sa.select(parts.c.import_id, parts.c.remarks)
    .where(one_of(parts.c.import_id, "those"), parts.c.remarks != "")
    .order_by(parts.c.import_id, parts.c.part)
)
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
        if found is None:
            return None
        [state] = self._looked_at(self._with_remarks([found]))
        return state

    def newest(self, most: int) -> list[ImportState]:
        now_us = self._now_us()
        asked = {"most": most, "since_us": now_us - RECENT_US}
        with self._database.reading() as connection:
            rows = connection.execute(_NEWEST, asked).all()
        states = [_state(row, now_us) for row in rows]
        return self._looked_at(self._with_remarks(states))

    def outcomes(self, import_id: str, after: int, most: int) -> list[KeptRow]:
        """Of a dry run: what would be done with at most so many rows behind `after`."""
        with self._database.reading() as connection:
            kept = import_rows.page(connection, import_id, after, most)
        refused = self.refusals(import_id, after, most)
        of_refused = (
            KeptRow(each.row, each.subject, "refused", each.reason) for each in refused
        )
        return sorted([*kept, *of_refused], key=lambda each: each.row)[:most]

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

    def _with_remarks(self, states: list[ImportState]) -> list[ImportState]:
        asked = {"those": json.dumps([each.id for each in states])}
        with self._database.reading() as connection:
            rows = _REMARKS.rows(connection, asked)
        found = {each.id: Remarks() for each in states}
        for import_id, text in rows:
            found[import_id].add_all(remarks_of(text))
        return [attrs.evolve(each, remarks_on_rows=found[each.id]) for each in states]

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
        [found] = self._with_remarks([self._state(state.id) or state])
        if found.has_ended:
            return found
        with self._database.reading() as connection:
            letters = dead_letters.about(connection, QUEUE, SOURCE, state.id)
        return attrs.evolve(found, state="stuck", stuck_on=letters)

    def _now_us(self) -> int:
        return to_us(self._clock())


def _state(row: sa.Row[Any], now_us: int) -> ImportState:
    registered, updated = int(row.all_registered), int(row.all_updated)
    skipped, refused = int(row.all_skipped), int(row.all_refused)
    # Those of which an outcome is known: that is the law for files.
    handled, begun_us = registered + updated + skipped + refused, row.begun_us
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
        options=msgspec.json.decode(row.options, type=ImportOptions),
        state=state,
        rows=row.rows + row.left_out if received else None,
        registered=registered,
        updated=updated,
        skipped=skipped + row.left_out,
        refused=refused,
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
        remarks_on_file=remarks_of(row.remarks),
    )
