"""Parts of imports: some hundred rows, and how many of them are handled.

A part moves on in the transaction that registers its rows: so no row is handled twice,
however often and by however many workers it is begun.
"""

from collections.abc import Sequence

import attrs
import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from catalog.adapters.imports.tables import parts, product_imports, refusals
from shared_kernel.dead_letters.store import storable
from shared_kernel.files.refusals import LONGEST_REASON, LONGEST_SUBJECT
from shared_kernel.files.row_file import Row
from shared_kernel.files.run import Outcome, Refused
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
        }
        for number, chunk in enumerate(some, start=first)
    ]
    _ADD_PARTS.send(connection, rows)


def find(connection: Connection, import_id: str, number: int) -> Part | None:
    """None if nothing of it is left to do."""
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
    connection: Connection,
    part: Part,
    outcomes: Sequence[Outcome | Refused],
    now_us: int,
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
        "now_us": now_us,
    }
    if _RECORD.write(connection, done) != 1:
        return False
    _REFUSE.send(connection, [_refusal(part, each) for each in refused])
    return True


def empty(connection: Connection, import_id: str, now_us: int) -> None:
    """Nothing more of them is handled."""
    _EMPTY.send(connection, [{"of": import_id, "now_us": now_us}])


def _encoded(rows: Sequence[Row]) -> bytes:
    """Nothing if there are none."""
    given = [(row.number, row.values, row.fault, row.cells) for row in rows]
    return msgspec.json.encode(given) if given else b""


def _refusal(part: Part, refused: Refused) -> dict[str, object]:
    values = refused.row.values
    return {
        "import_id": part.import_id,
        "row": refused.row.number,
        "reason": storable(excerpt(refused.reason, LONGEST_REASON)),
        "subject": storable(excerpt(str(values.get("sku", "")), LONGEST_SUBJECT)),
        "cells": msgspec.json.encode(refused.row.in_columns(part.columns)),
    }
