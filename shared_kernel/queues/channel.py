"""What a queue needs of a broker: that it hurries ids of rows, and takes in messages.

The rows are the queue. What a channel loses, repeats or delays is found in them, so no
request to it raises anything: while its broker is away it does nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import attrs
from sqlalchemy.engine import Connection

from shared_kernel.buses.broker import BrokerState
from shared_kernel.queues.port import Message


@attrs.frozen(kw_only=True, eq=False)
class Entry:
    """What a channel has delivered. `place` is how the channel knows it.

    It says that a row with the id `row` is in the database `origin`; or another program
    sent `message`, which is `known_by` an id if it is delivered again; or it is
    unreadable, for the reason `fault`.
    """

    place: Any
    row: str = ""
    origin: str = ""
    message: Message | None = None
    known_by: str = ""
    fault: str | None = None


class Channel(Protocol):
    """Of one consumer. Only `push` is called by any thread.

    What was taken stays held until it is settled, or until this consumer ends or dies:
    then others get it.
    """

    def push(self, messages: Sequence[Message], origin: str) -> None:
        """Hurry messages, whose rows are committed in `origin`, to a consumer."""

    def start(self, wake: Callable[[], None]) -> None:
        """Call `wake` when there is something to take, in the background."""

    def stop(self) -> None:
        """End what `start` has begun."""

    def arm(self) -> None:
        """There is room: wake this consumer for the next one."""

    def take(self, most: int) -> list[Entry]:
        """At most `most` entries, the oldest first."""

    def note(self, connection: Connection, foreign: Sequence[Entry]) -> list[Entry]:
        """In the transaction that makes them rows: those that are no rows yet.

        So a message that is delivered again is no second job.
        """

    def settle(self, acknowledged: Sequence[Entry], rejected: Sequence[Entry]) -> None:
        """The transaction is committed. Both are, in order, what was taken first."""

    def doubt(self) -> None:
        """It is unknown whether the transaction is committed; nothing is settled."""

    def keep(self) -> None:
        """Called about once a second while the consumer lives."""

    def let_go(self) -> None:
        """The consumer has ended, or begins anew: others can have what is held."""

    def broker(self) -> BrokerState:
        """Which it is, and whether it can be reached now. Returns within seconds."""

    def lists(self) -> dict[str, int] | None:
        """What is waiting in the broker, as far as that tells. None if it is away."""

    def purge(self) -> None:
        """Delete what is waiting. Raises BrokerAwayError, unlike the others."""

    def close(self) -> None: ...
