"""Publishes envelopes on the topics of their logs, ten in a request."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import structlog

from shared_kernel.buses.aws.client import FAULTS, AwsClients, is_gone
from shared_kernel.buses.aws.messages import body_of
from shared_kernel.buses.aws.names import Names
from shared_kernel.buses.aws.topics import made_topic
from shared_kernel.buses.binary_mode import message_id
from shared_kernel.buses.broker import Broker
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import BusUnavailableError

MOST = 10
"""Messages of one request."""
MOST_BYTES = 256 * 1024
"""Of all messages of one request, and so of a message."""

Entry = dict[str, Any]
_log = structlog.get_logger(__name__)


class Publisher:
    """Any thread may publish.

    Topics are made when they are first needed, and again when they are gone; `on_new`
    is given the address of each and its source.
    """

    def __init__(
        self,
        names: Names,
        broker: Broker,
        on_new: Callable[[AwsClients, str, str], None],
    ) -> None:
        self._names = names
        self._broker = broker
        self._on_new = on_new
        self._making = threading.Lock()
        self._known: dict[str, str] = {}

    def declare(self, clients: AwsClients, source: str, log: str) -> str:
        """The address of a log's topic. Raises BusMisconfiguredError."""
        name = self._names.topic(source, log)
        with self._making:
            if name not in self._known:
                made = made_topic(clients, name)
                self._on_new(clients, made, source)
                self._known[name] = made
            return self._known[name]

    def publish(self, clients: AwsClients, batch: Sequence[Envelope]) -> None:
        """Raises BusError."""
        by_log: dict[tuple[str, str], list[Envelope]] = {}
        for envelope in batch:
            by_log.setdefault((envelope.source, envelope.log), []).append(envelope)
        for (source, log), envelopes in by_log.items():
            for entries in self._requests(envelopes):
                self._send(clients, source, log, entries)

    def _send(
        self, clients: AwsClients, source: str, log: str, entries: list[Entry]
    ) -> None:
        topic = self.declare(clients, source, log)
        try:
            answer = _sent(clients, topic, entries)
        except FAULTS as error:
            if not is_gone(error):
                raise
            with self._making:
                self._known.pop(self._names.topic(source, log), None)
            topic = self.declare(clients, source, log)
            answer = _sent(clients, topic, entries)
        for failed in answer.get("Failed", ()):
            reason = f"{failed.get('Code')} {failed.get('Message', '')}"
            if not failed.get("SenderFault"):
                raise BusUnavailableError(f"SNS did not take a message: {reason}")
            _log.error(
                "event is refused by SNS: it stays in the log",
                topic=topic,
                place_in_batch=failed["Id"],
                reason=reason,
            )

    def _requests(self, batch: Sequence[Envelope]) -> Iterator[list[Entry]]:
        """As few as possible. What is too large for any of them is left out."""
        entries: list[Entry] = []
        room = MOST_BYTES
        for envelope in batch:
            body = body_of(envelope)
            size = len(body.encode())
            if size > MOST_BYTES:
                self._broker.too_large(envelope, size, MOST_BYTES)
                continue
            if size > room or len(entries) == MOST:
                yield entries
                entries, room = [], MOST_BYTES
            number = str(len(entries))
            entries.append(_entry(envelope, body, number, fifo=self._names.fifo))
            room -= size
        if entries:
            yield entries


def _sent(clients: AwsClients, topic: str, entries: list[Entry]) -> Any:
    return clients.sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)


def _entry(envelope: Envelope, body: str, number: str, *, fifo: bool) -> Entry:
    if not fifo:
        return {"Id": number, "Message": body}
    return {
        "Id": number,
        "Message": body,
        "MessageGroupId": envelope.log or envelope.source,
        "MessageDeduplicationId": message_id(envelope),
    }
