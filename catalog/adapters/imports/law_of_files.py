"""The law for files, of an import: rows = registered + updated + skipped + refused."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from catalog.adapters.imports.tables import parts, product_imports, refusals
from shared_kernel.files.errors import LostLinesError
from shared_kernel.storage.prepared import Prepared

_OF = parts.c.import_id == sa.bindparam("of")
_OPEN_BEHIND = Prepared(
    sa.select(parts.c.part)
    .where(_OF, parts.c.part > sa.bindparam("at"), parts.c.handled < parts.c.rows)
    .order_by(parts.c.part)
    .limit(1)
)
_SUMS = Prepared(
    sa.select(
        sa.func.sum(parts.c.handled),
        sa.func.sum(
            parts.c.registered + parts.c.updated + parts.c.skipped + parts.c.refused
        ),
        sa.func.sum(parts.c.refused),
        sa.select(product_imports.c.rows)
        .where(product_imports.c.id == sa.bindparam("of"))
        .scalar_subquery(),
        # In one statement: a refused row may be registered meanwhile.
        sa.select(sa.func.count())
        .where(refusals.c.import_id == sa.bindparam("of"))
        .scalar_subquery(),
    ).where(_OF)
)


def check(connection: Connection, import_id: str, part: int) -> None:
    """If `part` was the last one to be handled. Raises LostLinesError."""
    asked = {"of": import_id}
    # Parts are handled in order, so nearly always the next one is still open.
    if _OPEN_BEHIND.row(connection, asked | {"at": part}) is not None:
        return
    [(handled, told, refused, rows, listed)] = _SUMS.rows(connection, asked)
    if handled < rows:
        return
    if told != rows or listed != refused:
        raise LostLinesError(
            f"import {import_id}: of {rows:,} rows {told:,} have an outcome, and of "
            f"{refused:,} that are refused {listed:,} are kept; this is a fault of the "
            "program: please report it"
        )
