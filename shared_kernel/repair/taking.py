"""A letter that one operator works on: locked until the transaction ends."""

from sqlalchemy.engine import Connection

from shared_kernel.clock import from_us
from shared_kernel.dead_letters import store
from shared_kernel.dead_letters.letter import (
    DEAD,
    DeadLetter,
    LetterChangedError,
    ReplayError,
    UnknownDeadLetterError,
)
from shared_kernel.events.cursors import hold
from shared_kernel.repair import history


def taken(connection: Connection, number: int, expected: int | None) -> DeadLetter:
    """The letter, and its subscription held: neither changes meanwhile.

    Raises UnknownDeadLetterError; LetterChangedError if another operator was faster, or
    if its version is not the `expected` one.
    """
    seen = known(connection, number, expected)
    # Locks out the subscription: a new event of the same key is applied after this.
    hold(connection, seen.subscription, seen.envelope.source)
    try:
        letter = store.take(connection, number)
    except UnknownDeadLetterError:
        raise changed(connection, number) from None
    if letter.version != (seen.version if expected is None else expected):
        raise LetterChangedError(number, letter.version)
    return letter


def taken_dead(connection: Connection, number: int, expected: int | None) -> DeadLetter:
    """The same. Raises ReplayError if it waits behind another one."""
    letter = taken(connection, number, expected)
    if letter.state != DEAD:
        raise ReplayError(
            f"dead letter {number} waits behind an earlier one of "
            f"{letter.envelope.key!r}: replay or discard that one"
        )
    return letter


def known(
    connection: Connection, number: int, expected: int | None = None
) -> DeadLetter:
    """The letter, without a lock.

    Raises UnknownDeadLetterError, which says what became of it; LetterChangedError if
    it is gone, but was seen at the version `expected`.
    """
    try:
        return store.get(connection, number)
    except UnknownDeadLetterError:
        if expected is not None:
            raise changed(connection, number) from None
        done = _done_with(connection, number)
        raise UnknownDeadLetterError(number, done) from None


def changed(connection: Connection, number: int) -> LetterChangedError:
    """For a letter that is not as it was seen."""
    try:
        return LetterChangedError(number, store.get(connection, number).version)
    except UnknownDeadLetterError:
        return LetterChangedError(number, None, _done_with(connection, number))


def _done_with(connection: Connection, number: int) -> str:
    """What ended it, such as "discarded by ada at 2026-03-01T12:00:00+00:00"."""
    for repair in history.made(connection, letter=number, limit=1):
        at = from_us(repair.at_us).isoformat(timespec="seconds")
        return f"{repair.action} by {repair.who} at {at}"
    return ""
