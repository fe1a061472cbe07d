"""Who could not apply a message: a subscription, a queue, or a reader of others."""

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope
from shared_kernel.queues.port import Message

Reader = tuple[str, str]
"""The name of a subscription and its source, or of a queue and its."""


class Requeues(Protocol):
    """What is needed of a queue to move its letters back to it."""

    def requeue(
        self, connection: Connection, letters: Sequence[Envelope]
    ) -> Sequence[Message]:
        """Make jobs of them again, in the caller's transaction."""

    def look_again(self, added: Sequence[Message] = ()) -> None:
        """After the commit: process at once what is free now, if workers run here.

        That is what was `added`, and what has waited behind a letter that is gone.
        """

    def announce(self) -> int:
        """The same for workers in other processes."""
