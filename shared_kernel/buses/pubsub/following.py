"""Reads the topic of one log, with the subscription of the follower.

What is published while nobody reads waits there. So the log is read only if Pub/Sub has
lost something.
"""

from functools import partial

from shared_kernel.buses.port import Leave
from shared_kernel.buses.pubsub.connection import Clients
from shared_kernel.buses.pubsub.declared import Terms, ensure_subscription
from shared_kernel.buses.pubsub.groups import ensure_log
from shared_kernel.buses.pubsub.names import Names
from shared_kernel.buses.pubsub.reading import Read
from shared_kernel.buses.pubsub.receiving import Receiver


class Following:
    """`leave_beats` ends the heartbeats, which come from elsewhere."""

    def __init__(
        self,
        names: Names,
        terms: Terms,
        topic: str,
        subscription: str,
        receiver: Receiver,
        read: Read,
    ) -> None:
        self._names = names
        self._terms = terms
        self._topic = topic
        self._subscription = subscription
        self._receiver = receiver
        self._leave_beats: Leave | None = None
        name = subscription.rpartition(".")[2]
        self._reading = read(subscription, self._prepare, receiver.bring, name)

    def start(self, listen: partial[Leave]) -> None:
        self._reading.start()
        self._leave_beats = listen()

    def end(self) -> None:
        """Deliver nothing from now on. May be called again."""
        if self._leave_beats is not None:
            self._leave_beats()
        self._receiver.leave()
        self._reading.end()

    def _prepare(self, clients: Clients) -> None:
        ensure_log(clients, self._names, self._topic, self._terms)
        ensure_subscription(clients, self._subscription, self._topic, self._terms)
