"""What a work queue offers, whatever carries it.

QueueError
└── LeaseLostError   the consumer lost the message to another one, and changes nothing
"""

from collections.abc import Callable
from typing import Protocol

import attrs


class QueueError(Exception):
    """The message says what was not done."""


class LeaseLostError(QueueError):
    """What was done in the same transaction has to be rolled back."""


@attrs.frozen(kw_only=True)
class Message:
    """`payload` is text, often JSON.

    The queue gives the `id`. `attempts` counts how often it was delivered, this time
    included. Messages of one `key` are processed one after the other, in order.
    """

    name: str
    payload: str
    id: str = ""
    attempts: int = 0
    key: str | None = None


Callback = Callable[[Message], None]
"""Processes a message: returning acknowledges it, an exception rejects it."""


class WorkQueue(Protocol):
    """At least once: a message stays until it is acknowledged, or is dead-lettered."""

    def add(self, name: str, payload: str) -> Message:
        """Store a message; it has an id when this returns."""

    def add_message(self, message: Message) -> Message:
        """The same; the queue gives an id instead of one that is there."""

    def start_consuming(
        self, size: int, poll_interval_s: float, callback: Callback
    ) -> None:
        """Return at once; fetch at most `size` messages at a time, in the background.

        Each is processed by a thread of a bounded pool.
        """

    def stop(self) -> None:
        """Fetch nothing more, and return when what was fetched is settled."""
