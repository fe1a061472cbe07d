"""Imports and their parts: what was received, registered, skipped and refused.

An import is divided into parts of some hundred rows. They are handled one after the
other: of two rows with the same SKU the first one counts.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

import attrs
import msgspec
import sqlalchemy as sa
import uuid_utils
from sqlalchemy.engine import Connection

from catalog.adapters.imports import import_parts, import_rows
from catalog.adapters.imports.import_options import AS_WRITTEN, ImportOptions
from catalog.adapters.imports.import_parts import QUEUE, Handled, Part, reference
from catalog.adapters.imports.import_state import ImportState, waiting
from catalog.adapters.imports.progress import ImportProgress
from catalog.adapters.imports.tables import parts, product_imports, refusals, rows
from shared_kernel.clock import Clock, to_us
from shared_kernel.dead_letters import store as dead_letters
from shared_kernel.dead_letters.store import storable
from shared_kernel.files.columns import REASON
from shared_kernel.files.remarks import Remarks
from shared_kernel.files.row_file import Row, RowFile
from shared_kernel.queues.jobs import SOURCE
from shared_kernel.queues.port import Message, WorkQueue
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import OutcomeUnknownError
from shared_kernel.storage.prepared import Prepared

PART = 500
"""Rows of a part: their registration delays other commands by so much."""
PARTS_AT_ONCE = 20
MESSAGE = "new.product"
ONE_PRODUCT = "one product"
"""The name of the file of one."""
DAY_US = 24 * 3_600_000_000

_IMPORT = product_imports.c.id == sa.bindparam("of")
_BEGIN = Prepared(sa.insert(product_imports))
_RECEIVED = Prepared(
    sa.update(product_imports)
    .where(_IMPORT)
    .values(
        received_us=sa.bindparam("now_us"),
        rows=sa.bindparam("in_all"),
        left_out=sa.bindparam("others"),
        remarks=sa.bindparam("said"),
    )
)
_CANCEL = Prepared(
    sa.update(product_imports)
    .where(_IMPORT, product_imports.c.cancelled_us.is_(None))
    .values(cancelled_us=sa.bindparam("now_us"))
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
        (rows, "import_id"),
        (parts, "import_id"),
        (product_imports, "id"),
    )
)


BeforeCommit = Callable[[Connection, str], None]


def _nothing(connection: Connection, import_id: str) -> None:
    """Of one's own is to be committed with the import."""


@attrs.frozen(kw_only=True)
class _Received:
    """A file, once all of it is stored."""

    parts: int
    rows: int
    left_out: int = 0
    remarks: Remarks = attrs.field(factory=Remarks)


@attrs.frozen
class ReceivedOne:
    """The import of one product; its `messages` are to be sent after the commit."""

    state: ImportState
    messages: Sequence[Message]


class ProductImports:
    """`queue` gets a message for each part; its workers handle them."""

    def __init__(self, database: Database, queue: WorkQueue, clock: Clock) -> None:
        self.progress = ImportProgress(database, clock)
        self._database = database
        self._queue = queue
        self._clock = clock

    # ------------------------------------------------------------------- receiving

    def receive(
        self,
        file: RowFile,
        options: ImportOptions = AS_WRITTEN,
        before_commit: BeforeCommit = _nothing,
        traceparent: str | None = None,
    ) -> str:
        """Store the rows of `file`, which is open, and have them handled by `options`.

        Returns the id of the import, which `before_commit` gets in the transaction that
        has it handled. Its products belong to the trace of `traceparent`. Raises
        UnusableFileError, or what that raises: then nothing is kept.
        """
        with self._database.writing() as connection:
            import_id = self._begin(
                connection, file.path.name, file.header, options, self._now_us()
            )
        try:
            received = self._add_all(import_id, file, update=options.update)
            with self._database.writing() as connection:
                added = self._have_it_handled(
                    connection, import_id, received, traceparent
                )
                before_commit(connection, import_id)
        except OutcomeUnknownError:
            # Perhaps all of it is there.
            raise
        except Exception:
            with suppress(Exception):
                self.delete(import_id)
            raise
        self._queue.wake(added)
        return import_id

    def receive_one(
        self,
        connection: Connection,
        values: dict[str, Any],
        traceparent: str | None = None,
    ) -> ReceivedOne:
        """The same for one product, in the caller's transaction.

        `values` are by column. After the commit, `wake` has it handled at once.
        """
        begun_us, columns, file = self._now_us(), list(values), ONE_PRODUCT
        import_id = self._begin(connection, file, columns, AS_WRITTEN, begun_us)
        import_parts.add(
            connection, import_id, [[Row(1, values)]], 0, begun_us, update=False
        )
        one = _Received(parts=1, rows=1)
        added = self._have_it_handled(connection, import_id, one, traceparent)
        state = waiting(import_id, file, columns, rows=1, begun_us=begun_us)
        return ReceivedOne(state, added)

    def wake(self, received: ReceivedOne) -> None:
        self._queue.wake(received.messages)

    def announce(self) -> None:
        """Let workers in other processes begin, if none runs here."""
        self._queue.announce()

    def _add_all(self, import_id: str, file: RowFile, *, update: bool) -> "_Received":
        chunks, count, rows = file.chunks(PART), 0, 0
        while some := list(islice(chunks, PARTS_AT_ONCE)):
            with self._database.writing() as connection:
                import_parts.add(
                    connection, import_id, some, count, self._now_us(), update=update
                )
            count += len(some)
            rows += sum(map(len, some))
        return _Received(
            parts=count, rows=rows, left_out=file.left_out, remarks=file.remarks
        )

    def _begin(
        self,
        connection: Connection,
        file: str,
        columns: Sequence[str],
        options: ImportOptions,
        begun_us: int,
    ) -> str:
        import_id = str(uuid_utils.uuid7())
        row = {
            "id": import_id,
            "file": storable(file),
            "columns": msgspec.json.encode(
                [c for c in columns if c != REASON]
            ).decode(),
            "rows": 0,
            "begun_us": begun_us,
            "received_us": None,
            "cancelled_us": None,
            "options": msgspec.json.encode(options).decode(),
            "remarks": "",
            "left_out": 0,
        }
        _BEGIN.send(connection, [row])
        return import_id

    def _have_it_handled(
        self,
        connection: Connection,
        import_id: str,
        received: "_Received",
        traceparent: str | None,
    ) -> Sequence[Message]:
        messages = [
            Message(
                name=MESSAGE,
                payload=reference(import_id, number),
                key=import_id,
                traceparent=traceparent,
            )
            for number in range(received.parts)
        ]
        row = {
            "of": import_id,
            "now_us": self._now_us(),
            "in_all": received.rows,
            "others": received.left_out,
            "said": import_parts.as_text(received.remarks),
        }
        _RECEIVED.send(connection, [row])
        return self._queue.add_within(connection, messages)

    # -------------------------------------------------------------------- handling

    def part(self, import_id: str, number: int) -> Part | None:
        """None if nothing of it is left to do."""
        with self._database.reading() as connection:
            return import_parts.find(connection, import_id, number)

    def earlier(self, part: Part) -> list[Row]:
        """Of a dry run: the rows before, on which those of `part` depend."""
        with self._database.reading() as connection:
            return import_rows.earlier(connection, part.import_id, part.rows)

    def record(self, connection: Connection, part: Part, handled: Handled) -> bool:
        """Record what became of the first rows of `part`, in their transaction.

        False if it is recorded already, or the import was cancelled. Raises
        LostLinesError.
        """
        return import_parts.record(connection, part, handled, self._now_us())

    # ---------------------------------------------------------------------- ending

    def cancel(self, import_id: str) -> None:
        """Nothing of it is registered after this returns; what was done stays."""
        asked = {"of": import_id, "now_us": self._now_us()}
        with self._database.writing() as connection:
            if _CANCEL.write(connection, asked):
                import_parts.empty(connection, import_id, self._now_us())
                dead_letters.let_go_about(connection, QUEUE, SOURCE, import_id)

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
