"""The position of each subscription, and which replica may move it (law 3)."""

from collections.abc import Sequence
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope
from shared_kernel.clock import Moment
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import ConcurrentUpdateError
from shared_kernel.storage.prepared import Prepared

LEASE_US = 3_000_000
RENEW_US = 1_000_000
SKEW_US = 1_000_000
"""A difference of clocks up to this much does not mean that one was set back."""


def cursors_table(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "subscription_cursors",
        metadata,
        sa.Column("subscription", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("lease_holder", sa.Text),
        sa.Column("lease_until_us", sa.BigInteger, nullable=False),
        sa.Column("log", sa.Text),
        sa.Column("last_id", sa.Text),
        sa.Column("log_keys", sa.Text),
    )


_CURSORS = cursors_table(sa.MetaData())
_THIS = sa.and_(
    _CURSORS.c.subscription == sa.bindparam("of"),
    _CURSORS.c.source == sa.bindparam("at"),
)
_READ = Prepared(sa.select(_CURSORS.c.position).where(_THIS))
_KEYS = Prepared(sa.select(_CURSORS.c.log_keys).where(_THIS))
_KEEP_KEYS = Prepared(
    sa.update(_CURSORS).where(_THIS).values(log_keys=sa.bindparam("become"))
)
_HOLD = Prepared(sa.select(_CURSORS.c.position).where(_THIS).with_for_update())
_HELD = Prepared(
    sa.select(
        _CURSORS.c.position,
        _CURSORS.c.log,
        _CURSORS.c.last_id,
        _CURSORS.c.lease_holder,
        _CURSORS.c.lease_until_us,
    ).where(_THIS)
)
# Two replicas may begin at once.
_BEGIN = Prepared(insert(_CURSORS).on_conflict_do_nothing())
_MOVE = Prepared(
    sa.update(_CURSORS)
    .where(_THIS, _CURSORS.c.position == sa.bindparam("was"))
    .values(
        position=sa.bindparam("becomes"),
        log=sa.bindparam("in_log"),
        last_id=sa.bindparam("last"),
        lease_holder=sa.bindparam("holder"),
        lease_until_us=sa.bindparam("until_us"),
    )
)
_LEASE = Prepared(
    sa.update(_CURSORS)
    .where(
        _THIS,
        sa.or_(
            _CURSORS.c.lease_holder.is_(None),
            _CURSORS.c.lease_holder == sa.bindparam("holder"),
            sa.and_(
                _CURSORS.c.lease_holder == sa.bindparam("gone"),
                _CURSORS.c.lease_until_us == sa.bindparam("gone_until_us"),
            ),
        ),
    )
    .values(
        lease_holder=sa.bindparam("holder"), lease_until_us=sa.bindparam("until_us")
    )
    .returning(_CURSORS.c.position, _CURSORS.c.log, _CURSORS.c.last_id)
)
_RELEASE = Prepared(
    sa.update(_CURSORS)
    .where(_THIS, _CURSORS.c.lease_holder == sa.bindparam("holder"))
    .values(lease_holder=None, lease_until_us=0)
)


_OVERTAKE = Prepared(
    sa.update(_CURSORS)
    .where(_THIS, _CURSORS.c.position <= sa.bindparam("becomes"))
    .values(
        position=sa.bindparam("becomes"),
        log=sa.bindparam("in_log"),
        last_id=sa.bindparam("last"),
    )
)
_FOLLOW_AS = Prepared(
    sa.update(_CURSORS).where(_THIS).values(log=sa.bindparam("in_log"), log_keys=None)
)
_BEGIN_ANEW = Prepared(
    sa.update(_CURSORS)
    .where(_THIS)
    .values(
        position=0,
        log=None,
        last_id=None,
        log_keys=None,
        lease_holder=None,
        lease_until_us=0,
    )
)


class CursorMovedError(ConcurrentUpdateError):
    """Another replica of the subscription has already applied these events."""


@attrs.frozen
class Place:
    """A position in a log, the log's identity, and the id of the event at the position.

    None is unknown: nothing was read yet, or by a version without identities.
    """

    position: int = 0
    log: str | None = None
    last_id: str | None = None


@attrs.frozen
class Lease:
    """The owner of a subscription's lease; None if it was never taken, or released.

    An owner whose lease has run out is not `alive`. Neither is one whose lease ends
    later than any lease can: it was taken before the clock was set back. This uses the
    wall clock and is for display only; taking a lease does not depend on it.
    """

    holder: str | None
    alive: bool


@attrs.define(eq=False)
class Cursor:
    """The place of `subscription` in the log of `source`, for the replica `holder`.

    `place` is what this replica knows. `move` fails if the stored place differs,
    whatever the lease says: the lease only keeps replicas from doing the same work
    twice.
    """

    database: Database
    subscription: str
    source: str
    holder: str
    place: Place = attrs.field(factory=Place)
    _held: bool = attrs.field(default=False, init=False)
    _ask_again_us: int = attrs.field(default=0, init=False)
    _other: tuple[str | None, int] = attrs.field(default=(None, 0), init=False)
    _other_since_us: int = attrs.field(default=0, init=False)

    @property
    def position(self) -> int:
        return self.place.position

    def lease(self, now: Moment) -> bool:
        """Take or renew the lease; return whether it is ours.

        Another replica's lease is over when our own monotonic clock has seen no renewal
        for as long as a lease lasts. The stored end of a lease is by a clock that may
        differ from ours: it only distinguishes one renewal from another.
        """
        if now.monotonic_us < self._ask_again_us:
            return self._held
        asked = self._this() | self._given_up(now) | self._lease_from(now.wall_us)
        with self.database.writing() as connection:
            row = ours = _LEASE.row(connection, asked)
            if ours is None:
                row = _HELD.row(connection, self._this())
                self._watch(row, now)
            if row is None:
                start = _row(self.subscription, self.source, Place())
                _BEGIN.write(connection, start)
                row = ours = _LEASE.row(connection, asked)
        self._held = ours is not None
        self.place = Place(*row[:3]) if row else Place()
        self._ask_again_us = now.monotonic_us + RENEW_US
        return self._held

    def _watch(self, row: Sequence[Any] | None, now: Moment) -> None:
        """Remember since when the other replica's lease is unchanged."""
        holder, until_us = row[3:] if row else (None, 0)
        if (holder, until_us) != self._other:
            self._other = holder, until_us
            self._other_since_us = now.monotonic_us

    def _given_up(self, now: Moment) -> dict[str, object]:
        """The expired lease of another replica that may be taken, if there is one."""
        holder, until_us = self._other
        if now.monotonic_us - self._other_since_us < LEASE_US:
            holder = None
        return {"gone": holder, "gone_until_us": until_us}

    def move(self, connection: Connection, to: Place, now_us: int) -> None:
        """Within the caller's transaction. Raises CursorMovedError."""
        places = {"was": self.position} | _to(to)
        moved = _MOVE.write(
            connection, self._this() | places | self._lease_from(now_us)
        )
        if moved != 1:
            self._ask_again_us = 0
            raise CursorMovedError(f"{self.subscription} at {self.source}")

    def moved(self, to: Place, now: Moment) -> None:
        """Call this after the transaction of `move` is committed."""
        self.place = to
        self._ask_again_us = now.monotonic_us + RENEW_US

    def saved(self) -> int:
        """The committed position, whichever replica moved it."""
        with self.database.reading() as connection:
            row = _READ.row(connection, self._this())
        return row[0] if row else 0

    def keys(self) -> str | None:
        """What `keep_keys` stored."""
        with self.database.reading() as connection:
            row = _KEYS.row(connection, self._this())
        return row[0] if row else None

    def keep_keys(self, keys: str) -> None:
        with self.database.writing() as connection:
            _KEEP_KEYS.write(connection, self._this() | {"become": keys})

    def saved_place(self) -> Place:
        """As `saved`, with the log's identity and the event's id."""
        with self.database.reading() as connection:
            row = _HELD.row(connection, self._this())
        return Place(*row[:3]) if row else Place()

    def held(self, now_us: int) -> Lease:
        """The committed lease, whichever replica has it."""
        with self.database.reading() as connection:
            row = _HELD.row(connection, self._this())
        holder, until_us = row[3:] if row else (None, 0)
        is_alive = now_us < until_us <= now_us + LEASE_US + SKEW_US
        return Lease(holder, holder is not None and is_alive)

    def release(self) -> None:
        """Let another replica take over at once."""
        if self._held:
            self._held, self._ask_again_us = False, 0
            with self.database.writing() as connection:
                _RELEASE.write(connection, self._this() | {"holder": self.holder})

    def _this(self) -> dict[str, object]:
        return {"of": self.subscription, "at": self.source}

    def _lease_from(self, now_us: int) -> dict[str, object]:
        return {"holder": self.holder, "until_us": now_us + LEASE_US}


def place_of(envelope: Envelope) -> Place:
    """The place of a reader that has applied `envelope` last."""
    return Place(envelope.position, envelope.log or None, envelope.id)


def overtake(connection: Connection, subscription: str, source: str, to: Place) -> bool:
    """Move a cursor forward to `to`, whatever its lease; False if it is already beyond.

    Its replicas notice on their next move, and continue from there.
    """
    this = {"of": subscription, "at": source}
    if _OVERTAKE.write(connection, this | _to(to)) == 1:
        return True
    if _READ.row(connection, this) is not None:
        return False
    return _BEGIN.write(connection, _row(subscription, source, to)) == 1


def begin_anew(connection: Connection, subscription: str, source: str) -> None:
    """Reset a cursor to the beginning, for any log."""
    _BEGIN_ANEW.write(connection, {"of": subscription, "at": source})


def follow_as(connection: Connection, subscription: str, source: str, log: str) -> None:
    """Record a new identity for the log of `source`, which is otherwise the same."""
    _FOLLOW_AS.write(connection, {"of": subscription, "at": source, "in_log": log})


def hold(connection: Connection, subscription: str, source: str) -> None:
    """Keep the subscription from applying anything while this transaction is open."""
    _HOLD.row(connection, {"of": subscription, "at": source})


def _to(place: Place) -> dict[str, object]:
    return {
        "becomes": place.position,
        "in_log": place.log,
        "last": place.last_id,
    }


def _row(subscription: str, source: str, place: Place) -> dict[str, object]:
    return {
        "subscription": subscription,
        "source": source,
        "position": place.position,
        "lease_holder": None,
        "lease_until_us": 0,
        "log": place.log,
        "last_id": place.last_id,
    }
