"""Rows that failed for an unforeseen reason: each is a message of its own.

So it is tried again, and in the end a dead letter, as any message; the rows beside it
go on. Until it succeeds it is among the import's refusals.
"""

from collections.abc import Mapping
from typing import Any

import attrs
import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from catalog.adapters.imports.import_parts import Part
from catalog.adapters.imports.tables import parts, refusals
from catalog.adapters.product_rows import Prices, key_of
from shared_kernel.files.outcomes import Outcome
from shared_kernel.files.row_file import Row
from shared_kernel.storage.prepared import Prepared

_ACCEPT = Prepared(
    sa.delete(refusals).where(
        refusals.c.import_id == sa.bindparam("of"),
        refusals.c.row == sa.bindparam("at"),
    )
)
_COUNT = Prepared(
    sa.update(parts)
    .where(parts.c.import_id == sa.bindparam("of"), parts.c.part == sa.bindparam("at"))
    .values(
        refused=parts.c.refused - 1,
        registered=parts.c.registered + sa.bindparam("new"),
        updated=parts.c.updated + sa.bindparam("changed"),
        skipped=parts.c.skipped + sa.bindparam("old"),
    )
)


@attrs.frozen(kw_only=True)
class RowOfImport:
    """The payload of such a message: row `row` of the file, by its columns.

    `currency` and `decimal_mark` are the import's. Of an update, `version` is that of
    the product when the file was sent: what has changed since is newer, and stays.
    """

    import_id: str
    part: int
    row: int
    values: Mapping[str, Any]
    currency: str | None = None
    decimal_mark: str | None = None
    version: int | None = None

    @property
    def given(self) -> Row:
        return Row(self.row, dict(self.values))

    @property
    def prices(self) -> Prices:
        return Prices(currency=self.currency, decimal_mark=self.decimal_mark)

    @property
    def versions(self) -> Mapping[str, int] | None:
        """Of an update: by folded SKU."""
        return None if self.version is None else {key_of(self.given): self.version}


def first_of(part: Part) -> RowOfImport:
    row, prices, versions = part.rows[0], part.options.prices, part.versions
    return RowOfImport(
        import_id=part.import_id,
        part=part.number,
        row=row.number,
        values=row.values,
        currency=prices.currency,
        decimal_mark=prices.decimal_mark,
        version=None if versions is None else versions.get(key_of(row), 0),
    )


def as_payload(row: RowOfImport) -> str:
    return msgspec.json.encode(row).decode()


def accept(connection: Connection, row: RowOfImport, outcome: Outcome) -> None:
    """Count it as what it is now, in that transaction, if its import is still known."""
    if _ACCEPT.write(connection, {"of": row.import_id, "at": row.row}) == 1:
        counted = {
            "of": row.import_id,
            "at": row.part,
            "new": int(outcome is Outcome.DONE),
            "changed": int(outcome is Outcome.UPDATED),
            "old": int(outcome is Outcome.SKIPPED),
        }
        _COUNT.write(connection, counted)
