"""A message that failed, or that waits behind one.

ReplayError
├── UnknownDeadLetterError   there is no dead letter with that number
├── LetterChangedError       somebody else has changed it meanwhile
└── StillFailingError        the message failed again, and stays where it is
"""

from typing import Any

import attrs
import sqlalchemy as sa

from shared_kernel.buses.envelope import Envelope
from shared_kernel.dead_letters.failure import Failure

DEAD = "dead"
PARKED = "parked"

WAITS = "waits behind a dead letter of the same key"
"""The reason of what is parked."""


class ReplayError(Exception):
    """Nothing was done with a dead letter; the message says why."""


class UnknownDeadLetterError(ReplayError):
    """`done` says what ended it, such as "discarded by ada at …", if that is known."""

    def __init__(self, number: int, done: str = "") -> None:
        more = f": it was {done}" if done else ""
        super().__init__(f"there is no dead letter {number}{more}")
        self.done = done


class LetterChangedError(ReplayError):
    """The letter `number` has `version` now, not the one that the caller has seen.

    `version` is None if it is gone; `done` says what ended it, if that is known.
    """

    def __init__(self, number: int, version: int | None, done: str = "") -> None:
        now = f"has version {version} now"
        if version is None:
            now = f"was {done}" if done else "is gone"
        super().__init__(f"dead letter {number} has changed meanwhile: it {now}")
        self.number = number
        self.version = version
        self.done = done


class StillFailingError(ReplayError):
    """The letter `number` failed again; `applied` before it were applied."""

    def __init__(self, number: int, reason: str, applied: int = 0) -> None:
        super().__init__(f"dead letter {number} failed again: {reason}")
        self.number = number
        self.reason = reason
        self.applied = applied


@attrs.frozen(kw_only=True)
class DeadLetter:
    """A message that failed (`dead`), or one of the same key behind it (`parked`).

    `failure` is None if it has not failed itself. `since_us` is when it first failed or
    was parked, `last_us` when it failed last. `version` is one more after each change.
    `original` is the data before the first edit, None if there was no edit.
    """

    number: int
    subscription: str
    envelope: Envelope
    state: str
    reason: str
    attempts: int
    since_us: int
    failure: Failure | None
    last_us: int
    version: int
    original: bytes | None


def letter_from_row(row: sa.Row[Any]) -> DeadLetter:
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
        failure=_failure_from_row(row) if row.error_type else None,
        last_us=row.last_us,
        version=row.version,
        original=row.original,
    )


def _failure_from_row(row: sa.Row[Any]) -> Failure:
    return Failure(
        error_type=row.error_type,
        place=row.place,
        message=row.reason.removeprefix(f"{row.error_type}: "),
        trace=row.trace,
        field=row.field,
    )
