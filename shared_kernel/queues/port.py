"""What a work queue offers, whatever carries it.

QueueError
├── LeaseLostError            another consumer has the message now; nothing changes
├── UnprocessableError        the message cannot be processed, however often it comes
├── BrokerAwayError           the broker was not reached, or refused
└── QueueMisconfiguredError   an operator has to act; the message says how
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import attrs
from sqlalchemy.engine import Connection


class QueueError(Exception):
    """The message says what was not done."""


class LeaseLostError(QueueError):
    """What was done in the same transaction has to be rolled back."""


class UnprocessableError(QueueError):
    """Raised by a callback: the message is dead-lettered without further attempts."""


class BrokerAwayError(QueueError, ConnectionError):
    """What was asked of the broker may have been done all the same.

    A fault of the infrastructure (`is_fault`): no message is given up for it.
    """


class QueueMisconfiguredError(QueueError):
    """Nothing works until it is corrected."""


@attrs.frozen
class Receipt:
    """The fencing token of one delivery: job `number`, claimed by `consumer`.

    A consumer that has lost its lease never claims by that name again.
    """

    number: int
    consumer: str


@attrs.frozen(kw_only=True)
class Message:
    """`payload` is text, often JSON.

    The queue gives the `id`. `attempts` counts how often it was delivered, this time
    included. Messages of one `key` are processed one after the other, in order: those
    behind a dead letter of their key wait for it to be replayed or discarded.
    `traceparent` is the trace that caused it (W3C Trace Context, §3.2). `receipt` is
    there while it is being processed.
    """

    name: str
    payload: str
    id: str = ""
    attempts: int = 0
    key: str | None = None
    traceparent: str | None = None
    receipt: Receipt | None = attrs.field(default=None, eq=False, repr=False)


Callback = Callable[[Message], None]
"""Processes a message: returning acknowledges it, an exception rejects it."""


class WorkQueue(Protocol):
    """At least once: a message stays until it is acknowledged, or is dead-lettered.

    Effects that commit in the queue's database, together with `acknowledge`, happen
    exactly once.
    """

    def add(self, name: str, payload: str) -> Message:
        """Store a message; it has an id when this returns."""

    def add_message(self, message: Message) -> Message:
        """The same; the queue gives an id instead of one that is there."""

    def add_within(
        self, connection: Connection, messages: Sequence[Message]
    ) -> list[Message]:
        """Store messages in the caller's transaction, with what caused them (law 1).

        After the commit, `wake` has them processed at once.
        """

    def wake(self, added: Sequence[Message] = ()) -> None:
        """Look for messages now: for those that `add_within` returned.

        After the commit, in any thread.
        """

    def announce(self) -> int:
        """Tell consumers in other processes what was added; return 1 if it was said.

        A hint: they also look at intervals.
        """

    def acknowledge(self, connection: Connection, message: Message) -> None:
        """In the transaction with the effects of `message`, before its callback ends.

        Raises LeaseLostError: then the caller's transaction has to be rolled back.
        """

    def hold(self, connection: Connection, message: Message) -> None:
        """In a transaction with a part of the effects of `message`.

        Raises LeaseLostError: then the caller's transaction has to be rolled back.
        """

    def start_consuming(
        self, size: int, poll_interval_s: float, callback: Callback
    ) -> None:
        """Return at once; fetch at most `size` messages at a time, in the background.

        Each is processed by a thread of a bounded pool.
        """

    def stop(self, timeout_s: float | None = None) -> None:
        """Fetch nothing more, and return when what was fetched is settled.

        After the timeout others get what is not settled.
        """
