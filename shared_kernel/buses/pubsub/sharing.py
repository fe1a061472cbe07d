"""Shares messages among the members of a group, at least once.

For messages of other programs, and for programs that are told about every event.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from shared_kernel.buses.port import BusError
from shared_kernel.buses.pubsub.connection import Clients, PubSubConnection
from shared_kernel.buses.pubsub.declared import (
    Terms,
    ensure_subscription,
    ensure_topic,
)
from shared_kernel.buses.pubsub.groups import join, logs
from shared_kernel.buses.pubsub.keeper import JOIN_S
from shared_kernel.buses.pubsub.names import Names
from shared_kernel.buses.pubsub.reading import Read, Reading
from shared_kernel.buses.pubsub.receiving import Receiver

LOOK_EVERY_S = 0.25
"""How often to look for new logs."""

Receive = Callable[[str, str], Receiver]
"""Makes the receiver of a subscription to a topic."""


class Sharing:
    """A member of the group `group` for `pattern`.

    A group begins with what is published after its first member has joined, and waits
    for its members from then on. Without `wants_events` only the topic that is named as
    `pattern` is read.
    """

    def __init__(
        self,
        connection: PubSubConnection,
        names: Names,
        terms: Terms,
        pattern: str,
        group: str,
        receive: Receive,
        read: Read,
        *,
        wants_events: bool,
    ) -> None:
        self._connection = connection
        self._names = names
        self._terms = terms
        self._pattern = pattern
        self._group = group
        self._receive = receive
        self._reader = read
        self._wants_events = wants_events
        self._readings: dict[str, tuple[Reading, Receiver]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._look_for_logs, name=f"storehouse-pubsub-{group}", daemon=True
        )

    def start(self) -> None:
        if not {"*", ">"} & set(self._pattern.split(".")):
            self._read(self._names.topic(self._pattern))
        if self._wants_events:
            self._look()
            self._thread.start()

    def end(self) -> None:
        """Deliver nothing from now on. May be called again."""
        self._ended.set()
        for _, receiver in self._readings.values():
            receiver.leave()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)
        for reading, _ in self._readings.values():
            reading.end()

    def _look_for_logs(self) -> None:
        while not self._ended.wait(LOOK_EVERY_S):
            self._look()

    def _look(self) -> None:
        with suppress(BusError):
            for topic in sorted(
                self._connection.ask(self._logs) - self._readings.keys()
            ):
                if not self._ended.is_set():
                    self._read(topic)

    def _logs(self, clients: Clients) -> set[str]:
        join(clients, self._names, self._group, self._pattern, self._terms)
        return logs(clients, self._names)

    def _read(self, topic: str) -> None:
        subscription = self._names.member(topic, self._group, self._pattern)
        receiver = self._receive(subscription, topic)
        prepare = partial(self._prepare, subscription, topic)
        reading = self._reader(subscription, prepare, receiver.bring, self._group)
        self._readings[topic] = reading, receiver
        reading.start()

    def _prepare(self, subscription: str, topic: str, clients: Clients) -> None:
        ensure_topic(clients, topic)
        ensure_subscription(clients, subscription, topic, self._terms)
