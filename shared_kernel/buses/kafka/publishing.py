"""Sends events to the topics of their logs, and waits until all replicas have them."""

import threading
import time
from collections.abc import Sequence
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.kafka.connection import KafkaConnection, Watch
from shared_kernel.buses.kafka.messages import Headers, headers_of, key_of
from shared_kernel.buses.kafka.names import Names
from shared_kernel.buses.kafka.topics import Topics
from shared_kernel.buses.port import BusUnavailableError

PUBLISH_S = 5.0
SLICE_S = 0.05
"""How often to look whether the bus is closed or Kafka is away, while waiting."""
_TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE}
_OVERHEAD = 100
"""Of a batch and of a record, in bytes."""
_HEADERS = 10_000
"""More than key and headers of any event have."""


class Publisher:
    """Any thread may publish; one at a time does, so the order is that of the calls."""

    def __init__(
        self, connection: KafkaConnection, names: Names, topics: Topics
    ) -> None:
        self._connection = connection
        self._names = names
        self._topics = topics
        self._one_at_a_time = threading.Lock()
        self._producer: Producer | None = None
        self._watch = Watch(connection)

    def publish(self, batch: Sequence[Envelope]) -> None:
        """Raises KafkaException, BusUnavailableError and BusMisconfiguredError."""
        with self._one_at_a_time:
            if self._connection.closed.is_set():
                raise BusUnavailableError(
                    f"{self._connection.shown}: the bus is closed"
                )
            try:
                producer = self._sound()
                self._topics.make({self._names.topic_of(each) for each in batch})
                self._send(producer, batch)
            except BaseException:
                self._give_up()
                raise

    def close(self) -> None:
        """Let a batch that was begun end; it looks for that."""
        with self._one_at_a_time:
            self._give_up()

    def _sound(self) -> Producer:
        """A producer whose brokers may have lost what they knew of it is replaced."""
        if self._producer is not None:
            self._producer.poll(0)
            if self._watch.lost:
                self._give_up()
        if self._producer is None:
            self._watch = Watch(self._connection)
            self._producer = self._connection.producer(self._watch)
        return self._producer

    def _send(self, producer: Producer, batch: Sequence[Envelope]) -> None:
        failed: list[KafkaError] = []
        for envelope in batch:
            topic, headers = self._names.topic_of(envelope), headers_of(envelope)
            if self._fits(topic, envelope, headers):
                producer.produce(
                    topic,
                    envelope.data,
                    key_of(envelope),
                    headers=list(headers),
                    on_delivery=partial(self._answered, failed, envelope),
                )
        self._wait(producer)
        if failed:
            raise self._connection.misconfigured(failed[0]) or KafkaException(failed[0])

    def _fits(self, topic: str, envelope: Envelope, headers: Headers) -> bool:
        limit = self._topics.limit(topic)
        size = len(envelope.data) + _OVERHEAD
        if size + _HEADERS > limit:
            size += len(envelope.key) + sum(len(n) + len(v) + 4 for n, v in headers)
            if size > limit:
                self._connection.broker.too_large(envelope, size, limit)
                return False
        return True

    def _answered(
        self,
        failed: list[KafkaError],
        envelope: Envelope,
        error: KafkaError | None,
        _: Message,
    ) -> None:
        if error is None:
            return
        if error.code() in _TOO_LARGE:
            limit = self._topics.limit(self._names.topic_of(envelope))
            self._connection.broker.too_large(envelope, len(envelope.data), limit)
        else:
            failed.append(error)

    def _wait(self, producer: Producer) -> None:
        """Until all is acknowledged or refused."""
        deadline = time.monotonic() + PUBLISH_S
        while producer.flush(SLICE_S):
            if self._watch.lost is not None:
                raise KafkaException(self._watch.lost)
            if self._connection.closed.is_set():
                raise BusUnavailableError(
                    f"{self._connection.shown}: the bus is closed"
                )
            if time.monotonic() > deadline:
                raise BusUnavailableError(
                    f"{self._connection.shown} has not acknowledged within "
                    f"{PUBLISH_S:.0f} s"
                )

    def _give_up(self) -> None:
        """What is not acknowledged is published again by the next producer."""
        producer, self._producer = self._producer, None
        self._topics.forget()
        if producer is not None:
            producer.purge(blocking=False)
            producer.poll(0)
