"""Dead letters as JSON documents, the same over HTTP and at the command line."""

from datetime import datetime
from typing import Any

import msgspec

from shared_kernel.buses.envelope import Envelope
from shared_kernel.clock import from_us
from shared_kernel.dead_letters.causes import Cause
from shared_kernel.dead_letters.letter import DeadLetter
from shared_kernel.operations.letter_names import Named
from shared_kernel.repair.history import Repair


class ShownMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be applied. `data` is JSON, or text if it is none."""

    position: int
    id: str
    source: str
    type: str
    key: str
    time: datetime
    traceparent: str | None
    data: msgspec.Raw


class ShownLetter(msgspec.Struct, frozen=True, kw_only=True):
    """`since` is when it failed first or was parked, `last` when it failed last.

    `cause`, `error_type` and `place` are null if it has not failed itself, `field` if
    it is not known. `edited` tells whether its data is another than was received.
    """

    letter: str
    state: str
    subscription: str
    reason: str
    cause: str | None
    error_type: str | None
    place: str | None
    field: str | None
    attempts: int
    since: datetime
    last: datetime
    edited: bool
    version: int
    event: ShownMessage

    @property
    def name(self) -> Named:
        return Named.read(self.letter)


class WholeLetter(ShownLetter, frozen=True, kw_only=True):
    """With what a list leaves out.

    `trace` are the innermost calls, a line each, `waiting` counts those parked behind
    it, and `original` is the data as it was received, if it was edited since.
    """

    trace: list[str]
    waiting: int
    original: msgspec.Raw | None


class ShownCause(msgspec.Struct, frozen=True, kw_only=True):
    """`letters` of a subscription that failed in the same way in the same `place`.

    `parked` wait behind them. `message` is that of the letter `example`. `cause` is
    null for those whose turn has come, but that have not been tried since.
    """

    database: str
    subscription: str
    cause: str | None
    error_type: str | None
    place: str | None
    message: str
    letters: int
    parked: int
    first: datetime
    last: datetime
    example: str


class RepairedMessage(msgspec.Struct, frozen=True, kw_only=True):
    position: int
    id: str
    source: str
    type: str
    key: str


class ShownRepair(msgspec.Struct, frozen=True, kw_only=True):
    """`action` is what was done with `letter`, which may be gone by now.

    `data` is that before an edit, that of a discarded letter, or what was applied of an
    edited one; else null.
    """

    repair: str
    letter: str
    action: str
    who: str
    why: str
    at: datetime
    subscription: str
    event: RepairedMessage
    data: msgspec.Raw | None


def shown(database: str, letter: DeadLetter) -> ShownLetter:
    return ShownLetter(**_fields(database, letter))


def whole(database: str, letter: DeadLetter, waiting: int) -> WholeLetter:
    original = letter.original
    return WholeLetter(
        **_fields(database, letter),
        trace=letter.failure.trace.splitlines() if letter.failure else [],
        waiting=waiting,
        original=None if original is None else payload(original),
    )


def shown_cause(database: str, cause: Cause) -> ShownCause:
    return ShownCause(
        database=database,
        subscription=cause.subscription,
        cause=cause.cause or None,
        error_type=cause.error_type or None,
        place=cause.place or None,
        message=cause.message,
        letters=cause.letters,
        parked=cause.parked,
        first=from_us(cause.first_us),
        last=from_us(cause.last_us),
        example=str(Named(database, cause.example)),
    )


def shown_repair(database: str, repair: Repair) -> ShownRepair:
    return ShownRepair(
        repair=str(Named(database, repair.number)),
        letter=str(Named(database, repair.letter)),
        action=repair.action,
        who=repair.who,
        why=repair.why,
        at=from_us(repair.at_us),
        subscription=repair.subscription,
        event=RepairedMessage(
            position=repair.position,
            id=repair.id,
            source=repair.source,
            type=repair.type,
            key=repair.key,
        ),
        data=None if repair.data is None else payload(repair.data),
    )


def payload(data: bytes) -> msgspec.Raw:
    """As JSON, or as text: it may have failed because it is no JSON."""
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        data = msgspec.json.encode(data.decode(errors="replace"))
    return msgspec.Raw(data)


def _fields(database: str, letter: DeadLetter) -> dict[str, Any]:
    failure = letter.failure
    return {
        "letter": str(Named(database, letter.number)),
        "state": letter.state,
        "subscription": letter.subscription,
        "reason": letter.reason,
        "cause": failure.cause if failure else None,
        "error_type": failure.error_type if failure else None,
        "place": failure.place if failure else None,
        "field": failure.field if failure else None,
        "attempts": letter.attempts,
        "since": from_us(letter.since_us),
        "last": from_us(letter.last_us),
        "edited": letter.original is not None,
        "version": letter.version,
        "event": _message(letter.envelope),
    }


def _message(envelope: Envelope) -> ShownMessage:
    return ShownMessage(
        position=envelope.position,
        id=envelope.id,
        source=envelope.source,
        type=envelope.type,
        key=envelope.key,
        time=from_us(envelope.time_us),
        traceparent=envelope.traceparent,
        data=payload(envelope.data),
    )
