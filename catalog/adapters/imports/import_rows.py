"""Rows of imports that later rows of the same products depend on, and dry runs tell of.

An update keeps the rows that have changed something, with the versions after them; a
dry run keeps all rows but those that are refused, and what would be done with them.
"""

import json
from collections.abc import Sequence

import attrs
import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from catalog.adapters.imports.tables import rows as kept_rows
from catalog.adapters.product_rows import key_of
from catalog.adapters.tables import products
from shared_kernel.dead_letters.store import storable
from shared_kernel.files.outcomes import Outcome
from shared_kernel.files.refusals import LONGEST_REASON, LONGEST_SUBJECT
from shared_kernel.files.row_file import Row
from shared_kernel.files.values import excerpt
from shared_kernel.storage.prepared import Prepared, one_of

_NAMES = {
    Outcome.DONE: "registered",
    Outcome.UPDATED: "updated",
    Outcome.SKIPPED: "skipped",
}
_OF = kept_rows.c.import_id == sa.bindparam("of")
_SAME = sa.and_(_OF, one_of(kept_rows.c.key, "keys"))
_KEEP = Prepared(sa.insert(kept_rows))
_VERSIONS_NOW = Prepared(
    sa.select(products.c.folded_sku, products.c.version).where(
        one_of(products.c.folded_sku, "keys")
    )
)
_VERSIONS_KEPT = Prepared(
    sa.select(kept_rows.c.key, kept_rows.c.version)
    .where(_SAME)
    .order_by(kept_rows.c.row)
)
_EARLIER = Prepared(
    sa.select(kept_rows.c.row, kept_rows.c.content)
    .where(_SAME, sa.func.length(kept_rows.c.content) > 0)
    .order_by(kept_rows.c.row)
)
_PAGE = Prepared(
    sa.select(
        kept_rows.c.row, kept_rows.c.subject, kept_rows.c.outcome, kept_rows.c.detail
    )
    .where(_OF, kept_rows.c.row > sa.bindparam("behind"))
    .order_by(kept_rows.c.row)
    .limit(sa.bindparam("most", type_=sa.Integer))
)


@attrs.frozen(kw_only=True)
class HandledRow:
    """What became of a row, or would.

    An update has a `detail`, what differs, and the `version` of its product after it.
    """

    row: Row
    outcome: Outcome
    detail: str = ""
    version: int = 0


@attrs.frozen
class KeptRow:
    """`outcome` is registered, updated or skipped."""

    row: int
    subject: str
    outcome: str
    detail: str


def versions_now(connection: Connection, rows: Sequence[Row]) -> dict[str, int]:
    """Of the registered products of `rows`, by folded SKU."""
    found = _VERSIONS_NOW.rows(connection, {"keys": _keys(rows)})
    return {str(key): int(version) for key, version in found}


def versions_after(
    connection: Connection, import_id: str, rows: Sequence[Row]
) -> dict[str, int]:
    """Of the products of `rows` that earlier rows of this import have changed."""
    found = _VERSIONS_KEPT.rows(connection, {"of": import_id, "keys": _keys(rows)})
    return {str(key): int(version) for key, version in found}


def earlier(connection: Connection, import_id: str, rows: Sequence[Row]) -> list[Row]:
    """Those that a dry run has kept of the products of `rows`."""
    asked = {"of": import_id, "keys": _keys(rows)}
    return [
        Row(number, msgspec.json.decode(values))
        for number, values in _EARLIER.rows(connection, asked)
    ]


def page(
    connection: Connection, import_id: str, after: int, most: int
) -> list[KeptRow]:
    """At most so many behind row `after`."""
    asked = {"of": import_id, "behind": after, "most": most}
    return [KeptRow(*row) for row in _PAGE.rows(connection, asked)]


def keep(
    connection: Connection, import_id: str, handled: Sequence[HandledRow], *, dry: bool
) -> None:
    """In the transaction that records them."""
    _KEEP.send(
        connection,
        [
            {
                "import_id": import_id,
                "row": each.row.number,
                "key": storable(key_of(each.row)),
                "subject": subject_of(each.row),
                "outcome": _NAMES[each.outcome],
                "detail": storable(excerpt(each.detail, LONGEST_REASON)),
                "version": each.version,
                "content": _content(each.row) if dry and _changes(each) else b"",
            }
            for each in handled
            if dry or _changes(each)
        ],
    )


def subject_of(row: Row) -> str:
    """The SKU of the row, as it is shown."""
    sku = str(row.values.get("sku", ""))
    return storable(excerpt(sku, LONGEST_SUBJECT))


def _changes(handled: HandledRow) -> bool:
    return handled.outcome is not Outcome.SKIPPED


def _content(row: Row) -> bytes:
    return msgspec.json.encode(dict(row.values))


def _keys(rows: Sequence[Row]) -> str:
    """Those that a database can store: of others there is nothing."""
    return json.dumps([storable(key_of(row)) for row in rows])
