"""How far imports have come, and what they refused."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import msgspec
import sqlalchemy as sa

from catalog.adapters.imports import import_rows
from catalog.adapters.imports.import_parts import QUEUE, remarks_of
from catalog.adapters.imports.import_rows import KeptRow
from catalog.adapters.imports.import_state import RECENT_US, ImportState, state_of
from catalog.adapters.imports.tables import parts, product_imports, refusals
from shared_kernel.clock import Clock, to_us
from shared_kernel.dead_letters import store as dead_letters
from shared_kernel.files.columns import REASON
from shared_kernel.files.csv_text import csv_lines
from shared_kernel.files.remarks import Remarks
from shared_kernel.queues import operating
from shared_kernel.queues.jobs import SOURCE
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared, one_of

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
        states = [state_of(row, now_us) for row in rows]
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
        return None if row is None else state_of(row, now_us)

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
