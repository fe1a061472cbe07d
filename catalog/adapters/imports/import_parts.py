"""Parts of imports: some hundred rows, and how many of them are handled.

A part moves on in the transaction that registers its rows: so no row is handled twice,
however often and by however many workers it is begun.
"""

from collections.abc import Mapping, Sequence

import attrs
import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from catalog.adapters.imports import import_rows, law_of_files
from catalog.adapters.imports.import_options import ImportOptions
from catalog.adapters.imports.import_rows import HandledRow
from catalog.adapters.imports.tables import parts, product_imports, refusals
from shared_kernel.dead_letters.store import storable
from shared_kernel.files.outcomes import Outcome, Refused
from shared_kernel.files.refusals import LONGEST_REASON
from shared_kernel.files.remarks import Remarks
from shared_kernel.files.row_file import Row
from shared_kernel.files.values import excerpt
from shared_kernel.storage.prepared import Prepared

QUEUE = "new-products"
"""Has a message for each part."""

_OF = parts.c.import_id == sa.bindparam("of")
_PART = sa.and_(_OF, parts.c.part == sa.bindparam("at"))
_ADD_PARTS = Prepared(sa.insert(parts))
_EMPTY = Prepared(
    sa.update(parts)
    .where(_OF, parts.c.handled < parts.c.rows)
    .values(content=b"", changed_us=sa.bindparam("now_us"))
)
_FIND_PART = Prepared(
    sa.select(
        parts.c.content,
        parts.c.handled,
        parts.c.remarks,
        parts.c.versions,
        product_imports.c.columns,
        product_imports.c.options,
    ).where(
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
        updated=parts.c.updated + sa.bindparam("more_updated"),
        skipped=parts.c.skipped + sa.bindparam("more_skipped"),
        refused=parts.c.refused + sa.bindparam("more_refused"),
        remarks=sa.bindparam("said"),
        changed_us=sa.bindparam("now_us"),
    )
)
_REFUSE = Prepared(sa.insert(refusals))


@attrs.frozen(kw_only=True)
class Part:
    """The rows of a part that are not handled yet, behind `handled` others.

    `columns` and `options` are those of the import, and `remarks` those on the rows
    that are handled. Of an update, `versions` are those of the products, by folded SKU,
    as far as the import knows them: when the file was sent, or after earlier rows.
    """

    import_id: str
    number: int
    handled: int
    rows: Sequence[Row]
    columns: Sequence[str]
    options: ImportOptions
    remarks: Remarks
    versions: Mapping[str, int] | None

    @property
    def keeps_rows(self) -> bool:
        """Those that later ones depend on, or that people ask about."""
        return self.versions is not None or self.options.dry_run


@attrs.frozen(kw_only=True)
class Handled:
    """What became of the first rows of a part, and what is to be said of them."""

    outcomes: Sequence[Outcome | Refused]
    rows: Sequence[HandledRow] = ()
    remarks: Remarks = attrs.field(factory=Remarks)


@attrs.frozen
class PartReference:
    """The payload of a message: the part `part` of the import `import_id`."""

    import_id: str
    part: int


def reference(import_id: str, part: int) -> str:
    """As the payload of a message."""
    return msgspec.json.encode(PartReference(import_id, part)).decode()


def add(
    connection: Connection,
    import_id: str,
    some: Sequence[Sequence[Row]],
    first: int,
    now_us: int,
    *,
    update: bool,
) -> None:
    """Their numbers begin at `first`."""
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
            "updated": 0,
            "remarks": "",
            "versions": _versions(connection, chunk) if update else "",
        }
        for number, chunk in enumerate(some, start=first)
    ]
    _ADD_PARTS.send(connection, rows)


def find(connection: Connection, import_id: str, number: int) -> Part | None:
    """None if nothing of it is left to do."""
    row = _FIND_PART.row(connection, {"of": import_id, "at": number})
    if row is None:
        return None
    content, handled, remarks, versions, columns, options = row
    rows = [Row(*each) for each in msgspec.json.decode(content)]
    asked = msgspec.json.decode(options, type=ImportOptions)
    known: dict[str, int] | None = msgspec.json.decode(versions) if versions else None
    if known is not None and not asked.dry_run:
        known |= import_rows.versions_after(connection, import_id, rows)
    return Part(
        import_id=import_id,
        number=number,
        handled=handled,
        rows=rows,
        columns=msgspec.json.decode(columns),
        options=asked,
        remarks=remarks_of(remarks),
        versions=known,
    )


def record(
    connection: Connection,
    part: Part,
    handled: Handled,
    now_us: int,
) -> bool:
    """Record what became of the first rows of `part`, in their transaction.

    False if it is recorded already, or the import was cancelled. Raises LostLinesError.
    """
    outcomes, remarks = handled.outcomes, Remarks()
    remarks.add_all(part.remarks)
    remarks.add_all(handled.remarks)
    refused = [each for each in outcomes if isinstance(each, Refused)]
    done = {
        "of": part.import_id,
        "at": part.number,
        "before": part.handled,
        "after": part.handled + len(outcomes),
        "rest": _encoded(part.rows[len(outcomes) :]),
        "more_registered": sum(each is Outcome.DONE for each in outcomes),
        "more_updated": sum(each is Outcome.UPDATED for each in outcomes),
        "more_skipped": sum(each is Outcome.SKIPPED for each in outcomes),
        "more_refused": len(refused),
        "said": as_text(remarks),
        "now_us": now_us,
    }
    if _RECORD.write(connection, done) != 1:
        return False
    _REFUSE.send(connection, [_refusal(part, each) for each in refused])
    if part.keeps_rows:
        dry = part.options.dry_run
        import_rows.keep(connection, part.import_id, handled.rows, dry=dry)
    if len(outcomes) == len(part.rows):
        law_of_files.check(connection, part.import_id, part.number)
    return True


def empty(connection: Connection, import_id: str, now_us: int) -> None:
    """Nothing more of them is handled."""
    _EMPTY.send(connection, [{"of": import_id, "now_us": now_us}])


def as_text(remarks: Remarks) -> str:
    """Empty if there are none."""
    return msgspec.json.encode(remarks).decode() if remarks.lines() else ""


def remarks_of(text: str) -> Remarks:
    return msgspec.json.decode(text, type=Remarks) if text else Remarks()


def _versions(connection: Connection, rows: Sequence[Row]) -> str:
    return msgspec.json.encode(import_rows.versions_now(connection, rows)).decode()


def _encoded(rows: Sequence[Row]) -> bytes:
    """Nothing if there are none."""
    given = [(row.number, row.values, row.fault, row.cells) for row in rows]
    return msgspec.json.encode(given) if given else b""


def _refusal(part: Part, refused: Refused) -> dict[str, object]:
    return {
        "import_id": part.import_id,
        "row": refused.row.number,
        "reason": storable(excerpt(refused.reason, LONGEST_REASON)),
        "subject": import_rows.subject_of(refused.row),
        "cells": msgspec.json.encode(refused.row.in_columns(part.columns)),
    }
