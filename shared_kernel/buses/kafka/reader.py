"""A thread that reads topics with a client of its own, and resumes after faults."""

import random
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

import structlog
from confluent_kafka import Consumer, KafkaException, Message

from shared_kernel.buses.kafka.connection import FAULTS, KafkaConnection, Watch
from shared_kernel.buses.port import BusError

POLL_S = 0.2
"""How long it waits for messages before it looks whether it was ended."""
MOST = 1000
"""Messages of one delivery."""
FIRST_BACKOFF_S, MAX_BACKOFF_S = 0.05, 1.0
JOIN_S = 2.0

_log = structlog.get_logger(__name__)


class Source(Protocol):
    """What is read."""

    def begin(self, consumer: Consumer) -> None:
        """Before the first reading, and again after each fault."""

    def read(self, consumer: Consumer) -> None:
        """Wait for messages, up to POLL_S, and deliver them."""

    def leave(self) -> None:
        """Deliver nothing from now on."""

    def give_back(self, consumer: Consumer) -> None:
        """At the end: others may have what was taken and not answered."""


class Reader:
    """`name` is that of the thread. A slow receiver delays no other reader."""

    def __init__(
        self,
        connection: KafkaConnection,
        source: Source,
        name: str,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._connection = connection
        self._source = source
        self._jitter = jitter
        self._watch = Watch(connection)
        self._consumer = connection.consumer(self._watch, name)
        self._has_begun = False
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"storehouse-kafka-{name}", daemon=True
        )

    def start(self) -> None:
        """Return when it listens, or when Kafka turns out to be away."""
        if self._connection.broker.state().reachable is not False:
            try:
                self._begin()
            except (*FAULTS, BusError) as error:
                self._connection.broker.lost(error)
        self._thread.start()

    def end(self) -> None:
        """Deliver nothing from now on. May be called again."""
        self._source.leave()
        self._ended.set()
        if self._thread is not threading.current_thread():
            self._thread.join(JOIN_S)

    def _begin(self) -> None:
        self._watch.begin()
        self._source.begin(self._consumer)
        self._has_begun = True

    def _run(self) -> None:
        failures = 0
        while not self._ended.is_set():
            try:
                if not self._has_begun:
                    self._begin()
                    self._connection.broker.found()
                self._source.read(self._consumer)
                if self._watch.lost is not None:
                    raise KafkaException(self._watch.lost)
            except (*FAULTS, BusError) as error:
                self._has_begun = False
                failures += 1
                if not is_about_a_topic(error):
                    self._connection.broker.lost(error)
                self._back_off(failures)
            else:
                failures = 0
        if self._has_begun:
            with suppress(*FAULTS):
                self._source.give_back(self._consumer)
        self._consumer.close()

    def _back_off(self, failures: int) -> None:
        at_most_s = min(FIRST_BACKOFF_S * 2 ** min(failures, 16), MAX_BACKOFF_S)
        self._ended.wait(at_most_s * (0.5 + self._jitter() / 2))


def is_about_a_topic(error: Exception) -> bool:
    """It is not there, or not yet: Kafka answers, but has lost it."""
    name = error.args[0].name() if isinstance(error, KafkaException) else None
    return name in ("UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC")


def messages_of(consumer: Consumer, wait_s: float) -> Sequence[Message]:
    """What there is, after waiting for the first. Raises KafkaException."""
    first = consumer.poll(wait_s)
    if first is None:
        return []
    found = [first, *consumer.consume(MOST - 1, 0)]
    for each in found:
        if error := each.error():
            raise KafkaException(error)
    return found
