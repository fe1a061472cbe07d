"""Whether a database accepts writes, found out by writing and committing.

A rolled-back write never reaches the disk, and free space may be reserved or over a
quota: only a commit shows what commands would meet.
"""

import threading
import time
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from shared_kernel.events.cursors import cursors_table
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import StorageError
from shared_kernel.storage.prepared import Prepared

REMEMBERED_S = 1.0
"""A commit costs a flush of the disk, so its result is kept for this long."""

_CURSORS = cursors_table(sa.MetaData())
# Every database has this table. The row is deleted in the same transaction.
_WRITE = Prepared(
    sa.insert(_CURSORS).values(
        subscription=sa.bindparam("name"), source="", position=0, lease_until_us=0
    )
)
_TAKE_AWAY = Prepared(
    sa.delete(_CURSORS).where(_CURSORS.c.subscription == sa.bindparam("name"))
)


class Writability:
    """The writability of one database, as this process finds it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._row = {"name": f"probe:{uuid4()}"}
        self._asking = threading.Lock()
        self._asked_at = float("-inf")
        self._refusal: str | None = None

    def refusal(self) -> str | None:
        """Why writes fail, as of at most REMEMBERED_S ago; None if they succeed.

        One thread tries. Meanwhile the others get the previous result.
        """
        if self._asking.acquire(blocking=False):
            try:
                if time.monotonic() - self._asked_at >= REMEMBERED_S:
                    self._refusal = self._write()
                    self._asked_at = time.monotonic()
            finally:
                self._asking.release()
        return self._refusal

    def _write(self) -> str | None:
        try:
            with self._database.writing() as connection:
                _WRITE.write(connection, self._row)
                _TAKE_AWAY.write(connection, self._row)
                self._database.take_room(connection)
        except (SQLAlchemyError, StorageError, OSError) as error:
            return _in_a_line(error)
        return None


def _in_a_line(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return " ".join(str(cause).split())
