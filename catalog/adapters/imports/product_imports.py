"""Imports and their parts: what was received, registered, skipped and refused.

An import is divided into parts of some hundred rows. A part remembers how many of its
rows are handled, and moves on in the transaction that registers them: so no row is
handled twice, whoever does it and however often it is begun. Parts of one import are
handled one after the other: of two rows with the same SKU the first one counts.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import attrs
import msgspec
import sqlalchemy as sa
import uuid_utils
from sqlalchemy.engine import Connection

from catalog.adapters.imports.tables import parts, product_imports, refusals
from shared_kernel.clock import Clock, to_us
from shared_kernel.files.row_file import REASON, Row, RowFile, UnusableFileError
from shared_kernel.files.run import Outcome, Refused
from shared_kernel.queues.port import Message, WorkQueue
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared

PART = 500
"""Rows of a part: their registration delays other commands by so much."""
PARTS_AT_ONCE = 20
MESSAGE = "new.product"
RECENT_US = 10_000_000
"""The rate is that of the last ten seconds."""
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US

_OF = parts.c.import_id == sa.bindparam("of")
_PART = sa.and_(_OF, parts.c.part == sa.bindparam("at"))
_IMPORT = product_imports.c.id == sa.bindparam("of")
_BEGIN = Prepared(sa.insert(product_imports))
_ADD_PARTS = Prepared(sa.insert(parts))
_RECEIVED = Prepared(
    sa.update(product_imports)
    .where(_IMPORT)
    .values(received_us=sa.bindparam("now_us"), rows=sa.bindparam("in_all"))
)
_CANCEL = Prepared(
    sa.update(product_imports)
    .where(_IMPORT, product_imports.c.cancelled_us.is_(None))
    .values(cancelled_us=sa.bindparam("now_us"))
)
_EMPTY = Prepared(
    sa.update(parts)
    .where(_OF, parts.c.handled < parts.c.rows)
    .values(content=b"", changed_us=sa.bindparam("now_us"))
)
_FIND_PART = Prepared(
    sa.select(parts.c.content, parts.c.handled, product_imports.c.columns).where(
        _PART,
        sa.func.length(parts.c.content) > 0,
        product_imports.c.id == parts.c.import_id,
    )
)
_RECORD = Prepared(
    sa.update(parts)
    .where(
        _PART,
        parts.c.handled == sa.bindparam("before"),
        sa.func.length(parts.c.content) > 0,
    )
    .values(
        content=sa.bindparam("rest"),
        handled=sa.bindparam("after"),
        registered=parts.c.registered + sa.bindparam("more_registered"),
        skipped=parts.c.skipped + sa.bindparam("more_skipped"),
        refused=parts.c.refused + sa.bindparam("more_refused"),
        changed_us=sa.bindparam("now_us"),
    )
)
_REFUSE = Prepared(sa.insert(refusals))
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
_STATE = _STATES.where(_IMPORT)
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
_OLD = sa.select(product_imports.c.id).where(
    product_imports.c.begun_us < sa.bindparam("before_us")
)
_UNFINISHED = sa.exists().where(
    parts.c.import_id == product_imports.c.id,
    parts.c.handled < parts.c.rows,
    product_imports.c.received_us.is_not(None),
    product_imports.c.cancelled_us.is_(None),
)
_DELETE = tuple(
    sa.delete(table).where(table.c[column] == sa.bindparam("of"))
    for table, column in (
        (refusals, "import_id"),
        (parts, "import_id"),
        (product_imports, "id"),
    )
)


@attrs.frozen(kw_only=True)
class ImportState:
    """`state` is receiving, waiting, running, done or cancelled.

    `rows` are known once all are received. `rate_per_second` is in rows, of the last
    seconds or, when it has ended, of all. `seconds_left` is None when that is unknown.
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

    @property
    def handled(self) -> int:
        return self.registered + self.skipped + self.refused

    @property
    def has_ended(self) -> bool:
        return self.ended_us is not None


@attrs.frozen(kw_only=True)
class Part:
    """The rows of a part that are not handled yet, behind `handled` others.

    `columns` are those of the import.
    """

    import_id: str
    number: int
    handled: int
    rows: Sequence[Row]
    columns: Sequence[str]


@attrs.frozen
class RefusedRow:
    """`cells` are in the order of the import's columns."""

    row: int
    subject: str
    reason: str
    cells: Sequence[Any]


class ProductImports:
    """`queue` gets a message for each part; its workers handle them."""

    def __init__(self, database: Database, queue: WorkQueue, clock: Clock) -> None:
        self._database = database
        self._queue = queue
        self._clock = clock

    # ------------------------------------------------------------------- receiving

    def receive(self, file: RowFile) -> str:
        """Store the rows of `file`, which is open, and have them handled.

        Returns the id of the import. Raises UnusableFileError: then nothing is kept.
        """
        with self._database.writing() as connection:
            import_id = self._begin(connection, file.path.name, file.header)
        chunks, count, rows = file.chunks(PART), 0, 0
        try:
            while some := list(islice(chunks, PARTS_AT_ONCE)):
                with self._database.writing() as connection:
                    self._add(connection, import_id, some, count)
                count += len(some)
                rows += sum(map(len, some))
        except UnusableFileError:
            self.delete(import_id)
            raise
        with self._database.writing() as connection:
            self._have_it_handled(connection, import_id, count, rows)
        self._queue.wake()
        return import_id

    def receive_one(self, connection: Connection, values: dict[str, Any]) -> str:
        """The same for one product, in the caller's transaction.

        `values` are by column. After the commit, `wake` has it handled at once.
        """
        import_id = self._begin(connection, "one product", list(values))
        self._add(connection, import_id, [[Row(1, values)]], 0)
        self._have_it_handled(connection, import_id, 1, 1)
        return import_id

    def wake(self) -> None:
        self._queue.wake()

    def _begin(self, connection: Connection, file: str, columns: Sequence[str]) -> str:
        import_id = str(uuid_utils.uuid7())
        row = {
            "id": import_id,
            "file": file,
            "columns": msgspec.json.encode(
                [c for c in columns if c != REASON]
            ).decode(),
            "rows": 0,
            "begun_us": self._now_us(),
            "received_us": None,
            "cancelled_us": None,
        }
        _BEGIN.send(connection, [row])
        return import_id

    def _add(
        self,
        connection: Connection,
        import_id: str,
        some: Sequence[Sequence[Row]],
        first: int,
    ) -> None:
        now_us = self._now_us()
        rows = [
            {
                "import_id": import_id,
                "part": number,
                "content": _encoded(chunk),
                "rows": len(chunk),
                "handled": 0,
                "registered": 0,
                "skipped": 0,
                "refused": 0,
                "changed_us": now_us,
            }
            for number, chunk in enumerate(some, start=first)
        ]
        _ADD_PARTS.send(connection, rows)

    def _have_it_handled(
        self, connection: Connection, import_id: str, count: int, rows: int
    ) -> None:
        messages = [
            Message(name=MESSAGE, payload=_reference(import_id, number), key=import_id)
            for number in range(count)
        ]
        received = {"of": import_id, "now_us": self._now_us(), "in_all": rows}
        _RECEIVED.send(connection, [received])
        self._queue.add_within(connection, messages)

    # -------------------------------------------------------------------- handling

    def part(self, import_id: str, number: int) -> Part | None:
        """None if nothing of it is left to do."""
        with self._database.reading() as connection:
            row = _FIND_PART.row(connection, {"of": import_id, "at": number})
        if row is None:
            return None
        content, handled, columns = row
        return Part(
            import_id=import_id,
            number=number,
            handled=handled,
            rows=[Row(*each) for each in msgspec.json.decode(content)],
            columns=msgspec.json.decode(columns),
        )

    def record(
        self,
        connection: Connection,
        part: Part,
        outcomes: Sequence[Outcome | Refused],
    ) -> bool:
        """Record the outcomes of the first rows of `part`, in their transaction.

        False if they are recorded already, or the import was cancelled.
        """
        refused = [each for each in outcomes if isinstance(each, Refused)]
        done = {
            "of": part.import_id,
            "at": part.number,
            "before": part.handled,
            "after": part.handled + len(outcomes),
            "rest": _encoded(part.rows[len(outcomes) :]),
            "more_registered": sum(each is Outcome.DONE for each in outcomes),
            "more_skipped": sum(each is Outcome.SKIPPED for each in outcomes),
            "more_refused": len(refused),
            "now_us": self._now_us(),
        }
        if _RECORD.write(connection, done) != 1:
            return False
        _REFUSE.send(connection, [_refusal(part, each) for each in refused])
        return True

    # -------------------------------------------------------------------- watching

    def state(self, import_id: str) -> ImportState | None:
        """None if there is no such import."""
        now_us = self._now_us()
        asked = {"of": import_id, "since_us": now_us - RECENT_US}
        with self._database.reading() as connection:
            row = connection.execute(_STATE, asked).one_or_none()
        return None if row is None else _state(row, now_us)

    def newest(self, most: int) -> list[ImportState]:
        now_us = self._now_us()
        asked = {"most": most, "since_us": now_us - RECENT_US}
        with self._database.reading() as connection:
            rows = connection.execute(_NEWEST, asked).all()
        return [_state(row, now_us) for row in rows]

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
        while some := self.refusals(import_id, after, PART):
            yield from some
            after = some[-1].row

    # ---------------------------------------------------------------------- ending

    def cancel(self, import_id: str) -> None:
        """Nothing of it is registered after this returns; what was done stays."""
        asked = {"of": import_id, "now_us": self._now_us()}
        with self._database.writing() as connection:
            if _CANCEL.write(connection, asked):
                _EMPTY.send(connection, [asked])

    def delete(self, import_id: str) -> None:
        with self._database.writing() as connection:
            for statement in _DELETE:
                connection.execute(statement, {"of": import_id})

    def forget(self, keep_days: int) -> int:
        """Delete imports that began earlier and have ended; return how many."""
        before_us = self._now_us() - keep_days * DAY_US
        with self._database.reading() as connection:
            rows = connection.execute(
                _OLD.where(~_UNFINISHED), {"before_us": before_us}
            ).all()
        for (import_id,) in rows:
            self.delete(import_id)
        return len(rows)

    def _now_us(self) -> int:
        return to_us(self._clock())


class ForgetImports:
    """Deletes imports that began more than `keep_days` ago, once an hour."""

    name = "catalog.imports"

    def __init__(self, imports: ProductImports, clock: Clock, keep_days: int) -> None:
        self._imports = imports
        self._clock = clock
        self._keep_days = keep_days
        self._next_us = 0

    def step(self) -> int:
        now_us = to_us(self._clock())
        if now_us < self._next_us:
            return 0
        self._next_us = now_us + HOUR_US
        return self._imports.forget(self._keep_days)


@attrs.frozen
class PartReference:
    """The payload of a message: the part `part` of the import `import_id`."""

    import_id: str
    part: int


def _reference(import_id: str, part: int) -> str:
    return msgspec.json.encode(PartReference(import_id, part)).decode()


def _encoded(rows: Sequence[Row]) -> bytes:
    """Nothing if there are none."""
    given = [(row.number, row.values, row.fault) for row in rows]
    return msgspec.json.encode(given) if given else b""


def _refusal(part: Part, refused: Refused) -> dict[str, object]:
    values = refused.row.values
    return {
        "import_id": part.import_id,
        "row": refused.row.number,
        "reason": refused.reason,
        "subject": str(values.get("sku", "")),
        "cells": msgspec.json.encode([values.get(name) for name in part.columns]),
    }


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
