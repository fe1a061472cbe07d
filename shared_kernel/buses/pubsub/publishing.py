"""Publishes events to the topics of their logs, in order."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

from google.api_core.exceptions import NotFound
from google.pubsub_v1 import types

from shared_kernel.buses.broker import Broker
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.pubsub.connection import Clients, ask
from shared_kernel.buses.pubsub.declared import Terms, ensure_topic
from shared_kernel.buses.pubsub.groups import ensure_log
from shared_kernel.buses.pubsub.messages import (
    MOST_BYTES,
    MOST_MESSAGES,
    message_of,
    size_of,
    sizes_and_limits,
)
from shared_kernel.buses.pubsub.names import Names

TIMEOUT_S = 5.0

_Request = types.PublishRequest


class Publisher:
    """Any thread may publish. `terms` are those of subscriptions that it makes."""

    def __init__(self, broker: Broker, names: Names, terms: Terms) -> None:
        self._broker = broker
        self._names = names
        self._terms = terms
        self._one_at_a_time = threading.Lock()
        self._known: set[str] = set()

    def publish(self, clients: Clients, batch: Sequence[Envelope]) -> None:
        """Events of one log in order: each request waits for the one before it.

        After a fault some are perhaps published, and will be once more.
        """
        with self._one_at_a_time:
            for topic, messages in self._requests(batch):
                self._send(clients, topic, messages)

    def _requests(self, batch: Sequence[Envelope]) -> Iterator[tuple[str, list[Any]]]:
        """Topics, and messages that fit into one request."""
        topic, messages, size = "", list[Any](), 0
        for envelope in batch:
            message = message_of(envelope)
            its_topic, its_size = self._names.topic_of(envelope), size_of(message)
            if not self._fits(envelope, message, its_size):
                continue
            is_full = len(messages) == MOST_MESSAGES or size + its_size > MOST_BYTES
            if messages and (its_topic != topic or is_full):
                yield topic, messages
                messages, size = [], 0
            topic = its_topic
            messages.append(message)
            size += its_size
        if messages:
            yield topic, messages

    def _fits(self, envelope: Envelope, message: Any, its_size: int) -> bool:
        """Whether Google takes it: if not, it would refuse the whole request."""
        for size, limit in sizes_and_limits(message, its_size):
            if size > limit:
                self._broker.too_large(envelope, size, limit)
                return False
        return True

    def _send(self, clients: Clients, topic: str, messages: Sequence[Any]) -> None:
        request = _Request.wrap(_Request.pb()(topic=topic, messages=messages))
        if topic not in self._known:
            self._make(clients, topic)
        try:
            ask(clients.publisher.publish, request, TIMEOUT_S)
        except NotFound:
            self._make(clients, topic)
            ask(clients.publisher.publish, request, TIMEOUT_S)

    def _make(self, clients: Clients, topic: str) -> None:
        if self._names.is_log(topic):
            ensure_log(clients, self._names, topic, self._terms)
        else:
            ensure_topic(clients, topic)
        self._known.add(topic)
