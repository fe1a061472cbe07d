"""Events a subscription could not apply, and those parked behind them (law 5).

ReplayError
├── UnknownDeadLetterError   there is no dead letter with that number
└── StillFailingError        the event failed again, and stays where it is
"""

from collections.abc import Sequence
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from shared_kernel.buses.envelope import Envelope
from shared_kernel.storage.errors import ConcurrentUpdateError
from shared_kernel.storage.prepared import Prepared

DEAD = "dead"
PARKED = "parked"


def dead_letters_table(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "dead_letters",
        metadata,
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("subscription", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("time_us", sa.BigInteger, nullable=False),
        sa.Column("traceparent", sa.Text),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("since_us", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("subscription", "source", "position"),
        # A number that an operator has seen is never reused for another letter.
        sqlite_autoincrement=True,
    )


_LETTERS = dead_letters_table(sa.MetaData())
_OF = sa.and_(
    _LETTERS.c.subscription == sa.bindparam("of"),
    _LETTERS.c.source == sa.bindparam("at"),
)
_ADD = sa.insert(_LETTERS)
_BLOCKED = Prepared(sa.select(_LETTERS.c.key).where(_OF).distinct())
_LIST = sa.select(_LETTERS).order_by(_LETTERS.c.number)
_ONE = sa.select(_LETTERS).where(_LETTERS.c.number == sa.bindparam("wanted"))
_ABOUT = sa.and_(_OF, _LETTERS.c.key == sa.bindparam("about"))
_LIST_ABOUT = sa.select(_LETTERS).where(_ABOUT).order_by(_LETTERS.c.number)
_LET_GO_ABOUT = sa.delete(_LETTERS).where(_ABOUT)
_NEXT = (
    sa.select(_LETTERS)
    .where(_OF, _LETTERS.c.key == sa.bindparam("about"), _LETTERS.c.state == PARKED)
    .order_by(_LETTERS.c.position)
    .limit(1)
)
_REMOVE = sa.delete(_LETTERS).where(_LETTERS.c.number == sa.bindparam("wanted"))
_LET_GO = sa.delete(_LETTERS).where(_OF)
_MARK_DEAD = (
    sa.update(_LETTERS)
    .where(_LETTERS.c.number == sa.bindparam("wanted"))
    .values(
        state=DEAD,
        reason=sa.bindparam("because"),
        attempts=_LETTERS.c.attempts + sa.bindparam("failed"),
    )
)
_COUNT = (
    sa.select(_LETTERS.c.state, sa.func.count()).where(_OF).group_by(_LETTERS.c.state)
)


class ReplayError(Exception):
    """A dead letter was not replayed; nothing changed."""


class UnknownDeadLetterError(ReplayError):
    def __init__(self, number: int) -> None:
        super().__init__(f"there is no dead letter {number}")


class StillFailingError(ReplayError):
    """The message says which event failed and why."""


@attrs.frozen(kw_only=True)
class DeadLetter:
    """An event that failed (`dead`), or one of the same key behind it (`parked`)."""

    number: int
    subscription: str
    envelope: Envelope
    state: str
    reason: str
    attempts: int
    since_us: int


def add(
    connection: Connection,
    subscription: str,
    envelopes: Sequence[Envelope],
    *,
    state: str,
    reason: str,
    attempts: int,
    now_us: int,
) -> None:
    """Store `envelopes`, with all that a replay needs, in the caller's transaction.

    Raises ConcurrentUpdateError if there is a letter for such a position already.
    """
    rows = [
        _storable_fields(envelope)
        | {
            "subscription": subscription,
            "state": state,
            "reason": storable(reason),
            "attempts": attempts,
            "since_us": now_us,
        }
        for envelope in envelopes
    ]
    try:
        connection.execute(_ADD, rows)
    except IntegrityError as error:
        raise ConcurrentUpdateError("a dead letter was added in between") from error


def storable(text: str) -> str:
    """`text` with the characters replaced that databases do not accept.

    Our own events have none; foreign messages may.
    """
    return text.encode(errors="replace").decode().replace("\0", "\ufffd")


def _storable_fields(envelope: Envelope) -> dict[str, object]:
    return {
        name: storable(value) if isinstance(value, str) else value
        for name, value in attrs.asdict(envelope).items()
    }


def blocked_keys(connection: Connection, subscription: str, source: str) -> set[str]:
    """The keys whose events must wait behind a dead letter."""
    return {
        key for (key,) in _BLOCKED.rows(connection, {"of": subscription, "at": source})
    }


def listed(connection: Connection) -> list[DeadLetter]:
    return [_from_row(row) for row in connection.execute(_LIST)]


def about(
    connection: Connection, subscription: str, source: str, key: str
) -> list[DeadLetter]:
    """Those of one key, the oldest first."""
    asked = {"of": subscription, "at": source, "about": key}
    return [_from_row(row) for row in connection.execute(_LIST_ABOUT, asked)]


def let_go_about(
    connection: Connection, subscription: str, source: str, key: str
) -> None:
    """Delete those of one key: nobody needs them any more."""
    asked = {"of": subscription, "at": source, "about": key}
    connection.execute(_LET_GO_ABOUT, asked)


def counted(connection: Connection, subscription: str, source: str) -> dict[str, int]:
    """How many letters there are, by state."""
    rows = connection.execute(_COUNT, {"of": subscription, "at": source})
    return {DEAD: 0, PARKED: 0} | {row[0]: row[1] for row in rows}


def get(connection: Connection, number: int) -> DeadLetter:
    """Raises UnknownDeadLetterError."""
    return _found(connection, _ONE, number)


def take(connection: Connection, number: int) -> DeadLetter:
    """As `get`, with a lock until the transaction ends.

    Raises UnknownDeadLetterError.
    """
    return _found(connection, _ONE.with_for_update(), number)


def _found(
    connection: Connection, statement: sa.Select[Any], number: int
) -> DeadLetter:
    row = connection.execute(statement, {"wanted": number}).one_or_none()
    if row is None:
        raise UnknownDeadLetterError(number)
    return _from_row(row)


def next_behind(connection: Connection, letter: DeadLetter) -> DeadLetter | None:
    """The first event parked behind `letter`."""
    envelope = letter.envelope
    asked = {"of": letter.subscription, "at": envelope.source, "about": envelope.key}
    row = connection.execute(_NEXT, asked).one_or_none()
    return None if row is None else _from_row(row)


def remove(connection: Connection, number: int) -> None:
    connection.execute(_REMOVE, {"wanted": number})


def let_go(connection: Connection, subscription: str, source: str) -> None:
    """Delete all letters of a subscription that begins anew."""
    connection.execute(_LET_GO, {"of": subscription, "at": source})


def mark_dead(connection: Connection, number: int, reason: str, failed: int) -> None:
    """Mark a parked event dead, after `failed` attempts: the rest waits behind it."""
    asked = {"wanted": number, "because": reason, "failed": failed}
    connection.execute(_MARK_DEAD, asked)


def _from_row(row: sa.Row[Any]) -> DeadLetter:
    return DeadLetter(
        number=row.number,
        subscription=row.subscription,
        envelope=Envelope(
            position=row.position,
            id=row.id,
            source=row.source,
            type=row.type,
            key=row.key,
            time_us=row.time_us,
            traceparent=row.traceparent,
            data=row.data,
        ),
        state=row.state,
        reason=row.reason,
        attempts=row.attempts,
        since_us=row.since_us,
    )
