"""Entries of other programs that are rows, and that Redis perhaps still holds for us.

They are noted in the transaction that makes them rows, and forgotten in the next one
after Redis was told. What is noted of a connection that died is neither put back nor
made a row again: so no crash doubles a message. Identical entries are counted, since
they are different messages.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.queues.tables import taken_entries_table
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared

_TAKEN = taken_entries_table(sa.MetaData())
_OF = _TAKEN.c.connection == sa.bindparam("of")
_NOTE = Prepared(sa.insert(_TAKEN))
_DIGESTS = Prepared(
    sa.select(_TAKEN.c.digest).where(_OF, _TAKEN.c.batch >= sa.bindparam("since"))
)
_FORGET = Prepared(
    sa.delete(_TAKEN).where(_OF, _TAKEN.c.batch < sa.bindparam("before"))
)
_CONNECTIONS = Prepared(sa.select(_TAKEN.c.connection).distinct())
_ALL = 2**62


def is_among(noted: Counter[bytes], raw: bytes) -> bool:
    """Whether the entry `raw` is noted; then there is one less of it."""
    digest = _digest(raw)
    found = noted[digest] > 0
    if found:
        noted[digest] -= 1
    return found


class TakenEntries:
    """The connection `own` notes its entries, in batches: one for each transaction.

    One thread uses it.
    """

    def __init__(self, database: Database, own: str) -> None:
        self._database = database
        self._own = own
        self._batch = 0
        # Redis knows of those before, so they can be forgotten.
        self._told = 0
        # From that one on, it is unknown what was committed.
        self._doubtful: int | None = None
        self._noted = False

    @property
    def in_doubt(self) -> bool:
        return self._doubtful is not None

    def note(self, connection: Connection, raws: Sequence[bytes]) -> None:
        """In the transaction that makes them rows."""
        if self._noted and self._told:
            _FORGET.write(connection, {"of": self._own, "before": self._told})
            self._noted = self._told < self._batch
        if raws:
            rows = [
                {
                    "connection": self._own,
                    "batch": self._batch,
                    "place": place,
                    "digest": _digest(raw),
                }
                for place, raw in enumerate(raws)
            ]
            _NOTE.send(connection, rows)
            self._noted = True

    def are_committed(self, told: bool) -> None:
        """The transaction is; `told`: Redis knows of all that was noted, too."""
        self._batch += 1
        if told:
            self._told = self._batch

    def doubt(self) -> None:
        """Perhaps the transaction was committed, perhaps not."""
        if self._doubtful is None:
            self._doubtful = self._batch
        self._batch += 1
        self._noted = True

    def doubtful(self) -> Counter[bytes]:
        """What was noted since the doubt."""
        return self._digests(self._own, self._doubtful or 0)

    def resolve(self) -> None:
        """Redis was told of all of them."""
        self._doubtful = None
        self._told = self._batch

    def of(self, connection: str) -> Counter[bytes]:
        """What is noted of another connection."""
        return self._digests(connection, 0)

    def connections(self) -> set[str]:
        """The others of which something is noted."""
        with self._database.reading() as connection:
            rows = _CONNECTIONS.rows(connection, {})
        return {name for (name,) in rows} - {self._own}

    def forget(self, name: str) -> None:
        """Nothing that the connection `name` held is in Redis any more."""
        with self._database.writing() as connection:
            _FORGET.write(connection, {"of": name, "before": _ALL})

    def end(self) -> None:
        """Its own connection holds nothing any more."""
        if self._noted and not self.in_doubt and self._told == self._batch:
            self.forget(self._own)
            self._noted = False

    def _digests(self, name: str, since: int) -> Counter[bytes]:
        with self._database.reading() as connection:
            rows = _DIGESTS.rows(connection, {"of": name, "since": since})
        return Counter(bytes(digest) for (digest,) in rows)


def _digest(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()
