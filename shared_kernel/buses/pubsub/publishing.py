"""Publishes events to the topics of their logs, in order."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import structlog
from google.api_core.exceptions import NotFound
from google.pubsub_v1 import types

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.pubsub.connection import Clients, ask
from shared_kernel.buses.pubsub.declared import Terms, ensure_topic
from shared_kernel.buses.pubsub.groups import ensure_log
from shared_kernel.buses.pubsub.messages import (
    MOST_BYTES,
    MOST_MESSAGES,
    fits,
    message_of,
    size_of,
)
from shared_kernel.buses.pubsub.names import Names

TIMEOUT_S = 5.0

_log = structlog.get_logger(__name__)
_Request = types.PublishRequest


class Publisher:
    """Any thread may publish. `terms` are those of subscriptions that it makes."""

    def __init__(self, names: Names, terms: Terms) -> None:
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
            if not fits(message):
                _log_too_large(envelope)
                continue
            its_topic, its_size = self._names.topic_of(envelope), size_of(message)
            is_full = len(messages) == MOST_MESSAGES or size + its_size > MOST_BYTES
            if messages and (its_topic != topic or is_full):
                yield topic, messages
                messages, size = [], 0
            topic = its_topic
            messages.append(message)
            size += its_size
        if messages:
            yield topic, messages

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


def _log_too_large(envelope: Envelope) -> None:
    _log.error(
        "event is larger than Pub/Sub takes: it stays in the log",
        event_id=envelope.id,
        event_type=envelope.type,
        position=envelope.position,
        size_bytes=len(envelope.data),
    )
