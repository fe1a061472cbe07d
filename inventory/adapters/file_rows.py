"""Rows of files that were booked: none is booked twice, however often a file comes."""

import hashlib
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.adapters.tables import file_rows
from shared_kernel.storage.prepared import Prepared

BLOCK = 2**20

_FIND = Prepared(
    sa.select(file_rows.c.row).where(
        file_rows.c.file == sa.bindparam("of"), file_rows.c.row == sa.bindparam("at")
    )
)
_ADD = Prepared(sa.insert(file_rows))


def identity_of(path: Path, purpose: str) -> str:
    """The same for the same content used for the same purpose. Raises OSError."""
    digest = hashlib.sha256(purpose.encode())
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def is_booked(connection: Connection, file: str, row: int) -> bool:
    return _FIND.row(connection, {"of": file, "at": row}) is not None


def book(connection: Connection, file: str, row: int, now_us: int) -> None:
    """Raises ConcurrentUpdateError if another transaction was faster."""
    booked = {"file": file, "row": row, "booked_us": now_us}
    _ADD.write_checked(connection, [booked])
