"""Counts messages that a subscription drops as not from its log, by reason (law 11).

In a table, so that every process can report the counts.
"""

from collections import Counter

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope
from shared_kernel.clock import Moment
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared

SAVE_EVERY_US = 1_000_000
LOG_EVERY_US = 60_000_000

OTHER_LOG, SEAL, FORM = "other-log", "seal", "form"
COPY, RELAY = "copy", "relay"
HINTS = {
    OTHER_LOG: "another Storehouse publishes here: set BUS_SUBJECT_PREFIX",
    SEAL: "somebody forges or changes messages, or this process cannot learn the log's "
    "keys: see who may publish, and PEER_TOKEN",
    FORM: "no event of a Storehouse: another program publishes on its subjects; what "
    "other programs may send, and where, is in `flask --app app context-map`",
    COPY: "a copy of this log's database publishes here: run `flask --app app events "
    "new-identity` where the copy is, and set BUS_SUBJECT_PREFIX",
    RELAY: "the process that has the log has not said yet that this relay is its own: "
    "if it is, its events are read from the log",
}
"""Why messages are dropped, and what to do about it."""

_log = structlog.get_logger(__name__)


def dropped_table(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "dropped_messages",
        metadata,
        sa.Column("subscription", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )


_DROPPED = dropped_table(sa.MetaData())
_OF = sa.and_(
    _DROPPED.c.subscription == sa.bindparam("of"),
    _DROPPED.c.source == sa.bindparam("at"),
)
_READ = Prepared(sa.select(_DROPPED.c.reason, _DROPPED.c.count).where(_OF))
_ADD = Prepared(
    sa.update(_DROPPED)
    .where(_OF, _DROPPED.c.reason == sa.bindparam("why"))
    .values(count=_DROPPED.c.count + sa.bindparam("more"))
)
_BEGIN = Prepared(insert(_DROPPED).on_conflict_do_nothing())


class Dropped:
    """What one subscription drops: counted, saved each second, logged each minute."""

    def __init__(self, database: Database, subscription: str, source: str) -> None:
        self._database = database
        self._subscription = subscription
        self._source = source
        self._unsaved: Counter[str] = Counter()
        self._save_us = 0
        self._logged_us: dict[str, int] = {}

    def drop(self, envelope: Envelope, reason: str, now: Moment) -> None:
        self._unsaved[reason] += 1
        logged_us = self._logged_us.get(reason)
        if logged_us is None or now.monotonic_us - logged_us >= LOG_EVERY_US:
            self._logged_us[reason] = now.monotonic_us
            _log.warning(
                "message dropped",
                subscription=self._subscription,
                source=self._source,
                reason=reason,
                subject=envelope.type,
                message_id=envelope.id,
                hint=HINTS[reason],
            )

    def save(self, now: Moment, *, at_once: bool = False) -> None:
        """Write new counts to the table, if it is time."""
        if not self._unsaved or (now.monotonic_us < self._save_us and not at_once):
            return
        self._save_us = now.monotonic_us + SAVE_EVERY_US
        of = {"of": self._subscription, "at": self._source}
        with self._database.writing() as connection:
            for reason, more in self._unsaved.items():
                row = {
                    "subscription": self._subscription,
                    "source": self._source,
                    "reason": reason,
                    "count": 0,
                }
                _BEGIN.write(connection, row)
                _ADD.write(connection, of | {"why": reason, "more": more})
        self._unsaved.clear()


def counted(connection: Connection, subscription: str, source: str) -> dict[str, int]:
    """How many were dropped, by reason."""
    rows = _READ.rows(connection, {"of": subscription, "at": source})
    return dict.fromkeys(HINTS, 0) | {row[0]: row[1] for row in rows}
