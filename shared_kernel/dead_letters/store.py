"""Stores dead letters, in the transaction of what failed (law 5)."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from shared_kernel.buses.envelope import Envelope
from shared_kernel.dead_letters.edited import Edit
from shared_kernel.dead_letters.failure import Failure
from shared_kernel.dead_letters.letter import (
    DEAD,
    PARKED,
    DeadLetter,
    UnknownDeadLetterError,
    letter_from_row,
)
from shared_kernel.dead_letters.tables import dead_letters_table
from shared_kernel.storage.errors import ConcurrentUpdateError
from shared_kernel.storage.prepared import Prepared, one_of

_LETTERS = dead_letters_table(sa.MetaData())
_OF = sa.and_(
    _LETTERS.c.subscription == sa.bindparam("of"),
    _LETTERS.c.source == sa.bindparam("at"),
)
_ADD = sa.insert(_LETTERS)
_BLOCKED = Prepared(sa.select(_LETTERS.c.key).where(_OF).distinct())
_AMONG = Prepared(
    sa.select(_LETTERS.c.key).where(_OF, one_of(_LETTERS.c.key, "keys")).distinct()
)
_LIST = sa.select(_LETTERS).order_by(_LETTERS.c.number)
_ONE = sa.select(_LETTERS).where(_LETTERS.c.number == sa.bindparam("wanted"))
_ABOUT = sa.and_(_OF, _LETTERS.c.key == sa.bindparam("about"))
_LIST_ABOUT = sa.select(_LETTERS).where(_ABOUT).order_by(_LETTERS.c.number)
_HOLD_KEY = Prepared(sa.select(_LETTERS.c.number).where(_ABOUT).with_for_update())
_LET_GO_ABOUT = sa.delete(_LETTERS).where(_ABOUT)
_NEXT = (
    sa.select(_LETTERS)
    .where(_OF, _LETTERS.c.key == sa.bindparam("about"), _LETTERS.c.state == PARKED)
    .order_by(_LETTERS.c.position)
    .limit(1)
)
_REMOVE = sa.delete(_LETTERS).where(_LETTERS.c.number == sa.bindparam("wanted"))
_LET_GO = sa.delete(_LETTERS).where(_OF)
_FAILED = {
    "reason": sa.bindparam("because"),
    "attempts": _LETTERS.c.attempts + sa.bindparam("failed"),
    "version": _LETTERS.c.version + 1,
}
_MARK_DEAD = (
    sa.update(_LETTERS)
    .where(_LETTERS.c.number == sa.bindparam("wanted"))
    .values(state=DEAD, **_FAILED)
)
_MARK_FAILED = (
    sa.update(_LETTERS)
    .where(_LETTERS.c.number == sa.bindparam("wanted"))
    .values(
        state=DEAD,
        last_us=sa.bindparam("now"),
        **_FAILED,
        **{
            name: sa.bindparam(f"new_{name}")
            for name in ("error_type", "place", "field", "trace", "cause")
        },
    )
)
_EDIT = (
    sa.update(_LETTERS)
    .where(_LETTERS.c.number == sa.bindparam("wanted"))
    .values(
        data=sa.bindparam("new_data"),
        original=sa.func.coalesce(_LETTERS.c.original, _LETTERS.c.data),
        version=_LETTERS.c.version + 1,
    )
)
_BEHIND = sa.select(sa.func.count()).where(_ABOUT, _LETTERS.c.state == PARKED)
_COUNT = (
    sa.select(_LETTERS.c.state, sa.func.count()).where(_OF).group_by(_LETTERS.c.state)
)


def add(
    connection: Connection,
    subscription: str,
    envelopes: Sequence[Envelope],
    *,
    state: str,
    reason: str,
    attempts: int,
    now_us: int,
    failure: Failure | None = None,
    since_us: int | None = None,
    edits: Mapping[int, Edit] | None = None,
) -> None:
    """Store `envelopes`, with all that a replay needs, in the caller's transaction.

    `failure` is why they failed, None if they only wait; `reason` says so in words.
    They failed first at `since_us`, or now. A replay applies `edits`, by position; what
    the log says is kept as the original.
    Raises ConcurrentUpdateError if there is a letter for such a position already.
    """
    rows = [
        _storable_fields(envelope)
        | _as_edited(envelope, (edits or {}).get(envelope.position))
        | {
            "subscription": subscription,
            "state": state,
            "reason": storable(reason),
            "attempts": attempts,
            "since_us": now_us if since_us is None else since_us,
            "last_us": now_us,
        }
        | (_row_of(failure) if failure else {})
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


def _as_edited(envelope: Envelope, edit: Edit | None) -> dict[str, object]:
    if edit is None or edit.id != envelope.id:
        return {"original": None}
    return {"original": envelope.data, "type": edit.type, "data": edit.data}


def _row_of(failure: Failure) -> dict[str, str | None]:
    return {
        "error_type": storable(failure.error_type),
        "place": storable(failure.place),
        "field": failure.field and storable(failure.field),
        "trace": storable(failure.trace),
        "cause": failure.cause,
    }


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


def keys_among(
    connection: Connection, subscription: str, source: str, keys: Collection[str]
) -> set[str]:
    """Which of `keys` have letters."""
    asked = {"of": subscription, "at": source, "keys": json.dumps(list(keys))}
    return {key for (key,) in _AMONG.rows(connection, asked)}


def hold_key(connection: Connection, subscription: str, source: str, key: str) -> bool:
    """Keep the letters of `key` until the transaction ends; False if there are none."""
    asked = {"of": subscription, "at": source, "about": key}
    return bool(_HOLD_KEY.rows(connection, asked))


def listed(connection: Connection) -> list[DeadLetter]:
    return [letter_from_row(row) for row in connection.execute(_LIST)]


def about(
    connection: Connection, subscription: str, source: str, key: str
) -> list[DeadLetter]:
    """Those of one key, the oldest first."""
    asked = {"of": subscription, "at": source, "about": key}
    return [letter_from_row(row) for row in connection.execute(_LIST_ABOUT, asked)]


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
    return letter_from_row(row)


def next_behind(connection: Connection, letter: DeadLetter) -> DeadLetter | None:
    """The first event parked behind `letter`."""
    envelope = letter.envelope
    asked = {"of": letter.subscription, "at": envelope.source, "about": envelope.key}
    row = connection.execute(_NEXT, asked).one_or_none()
    return None if row is None else letter_from_row(row)


def remove(connection: Connection, number: int) -> None:
    connection.execute(_REMOVE, {"wanted": number})


def let_go(connection: Connection, subscription: str, source: str) -> None:
    """Delete all letters of a subscription that begins anew."""
    connection.execute(_LET_GO, {"of": subscription, "at": source})


def mark_dead(
    connection: Connection,
    number: int,
    reason: str,
    failed: int,
    *,
    failure: Failure | None = None,
    now_us: int = 0,
    seen: int | None = None,
) -> bool:
    """Mark a letter dead after `failed` more attempts: those of its key wait behind it.

    `reason` is that of `failure`, if it has failed itself at `now_us`. Nothing is
    marked, and False returned, if the letter is gone, or has not the version `seen`.
    """
    asked = {"wanted": number, "because": storable(reason), "failed": failed}
    statement = _MARK_DEAD
    if failure is not None:
        statement = _MARK_FAILED
        fields = {f"new_{name}": value for name, value in _row_of(failure).items()}
        asked |= fields | {"now": now_us}
    if seen is not None:
        statement = statement.where(_LETTERS.c.version == seen)
    return connection.execute(statement, asked).rowcount == 1


def edit(connection: Connection, number: int, data: bytes) -> None:
    """Give a letter other data; what it had at first is kept."""
    connection.execute(_EDIT, {"wanted": number, "new_data": data})


def behind(connection: Connection, letter: DeadLetter) -> int:
    """How many are parked behind `letter`; none, if it is parked itself."""
    if letter.state != DEAD:
        return 0
    envelope = letter.envelope
    asked = {"of": letter.subscription, "at": envelope.source, "about": envelope.key}
    return int(connection.execute(_BEHIND, asked).scalar_one())
