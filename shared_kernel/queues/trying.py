"""Tries messages in a transaction that is rolled back, as their callback does them."""

from collections.abc import Callable, Sequence

import attrs
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.positions import Appended
from shared_kernel.queues.port import Callback, Message, WorkQueue
from shared_kernel.queues.sql import SqlQueue, message_of
from shared_kernel.storage.database import Database
from shared_kernel.storage.within import WithinTransaction


@attrs.frozen
class Trial:
    """What a callback works with while its messages are tried.

    Write transactions of `database` are parts of one that is rolled back. `log` is in
    it, and `queue` counts every message as held.
    """

    database: Database
    log: EventLog
    queue: WorkQueue


class _TriedLog(EventLog):
    def settle(self, appended: Appended | None = None) -> int:
        """Without positions: what is rolled back gets none."""
        return 0


class _TriedQueue(SqlQueue):
    def acknowledge(self, connection: Connection, message: Message) -> None:
        """A dead letter is no job."""

    def hold(self, connection: Connection, message: Message) -> None:
        """The same."""

    def wake(self, added: Sequence[Message] = ()) -> None:
        """Nothing was added."""


def tried_by(
    queue: SqlQueue, source: str, callback_in: Callable[[Trial], Callback]
) -> Callable[[Sequence[Envelope], Connection], None]:
    """How dead letters of `queue` are tried in a transaction: by its callback.

    `source` names the log. Raises what the callback raises.
    """

    def apply(letters: Sequence[Envelope], connection: Connection) -> None:
        database = WithinTransaction(queue.database, connection)
        tried = _TriedQueue(queue.name, database, consumer="rehearsal")
        trial = Trial(database, _TriedLog(database, source), tried)
        callback = tried.limited(callback_in(trial))
        for letter in letters:
            callback(attrs.evolve(message_of(letter), attempts=1))

    return apply
