"""Clients of one Kafka, and what is known of whether it can be reached."""

import threading
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from shared_kernel.buses.broker import Broker
from shared_kernel.buses.kafka.client_errors import misconfiguration
from shared_kernel.buses.kafka.options import KafkaOptions
from shared_kernel.buses.port import BusMisconfiguredError, BusUnavailableError

ANSWER_S = 2.0
"""For an answer to what does not wait."""
FETCH_MS = 100
"""How long a broker waits for messages before it answers that there are none."""
SESSION_MS = 6000
"""After so long without a sign of life, other members of its group take over."""
LONGEST_MS = 60_000
"""The longest time between two reads of a member of a group."""
LARGEST_BYTES = 100_000_000
"""The broker decides what is too large, not the client."""

FAULTS = (KafkaException, OSError)


class Watch:
    """What one client says of its brokers. Its methods are called when it is polled."""

    def __init__(self, connection: "KafkaConnection") -> None:
        self._connection = connection
        self.lost: KafkaError | None = None
        """Why it has lost all brokers, once it has."""

    def begin(self) -> None:
        """Anew: what it said before is no longer so."""
        self.lost = None

    def on_error(self, error: KafkaError) -> None:
        why = self._connection.misconfigured(error)
        if why or error.fatal() or error.name() == "_ALL_BROKERS_DOWN":
            # That all are lost comes after why they are.
            if why or self.lost is None:
                self.lost = error
            self._connection.broker.lost(why or error)


class KafkaConnection:
    """Any thread may use it."""

    def __init__(self, options: KafkaOptions) -> None:
        self.options = options
        self.shown = options.shown
        self.broker = Broker("kafka", options.shown, self.check)
        self.closed = threading.Event()
        self._watch = Watch(self)
        self._creating = threading.Lock()
        self._admin: AdminClient | None = None

    def producer(self, watch: Watch) -> Producer:
        return Producer(
            {
                **self._common(watch),
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 0,
                # What is flushed without an error is acknowledged.
                "delivery.report.only.error": True,
                "message.max.bytes": LARGEST_BYTES,
                # Below what a broker accepts by default, with several events in it.
                "batch.size": 500_000,
            }
        )

    def consumer(self, watch: Watch, group: str, **more: Any) -> Consumer:
        """Nothing is kept for it, unless it subscribes: then `group` is its group."""
        return Consumer(
            {
                **self._common(watch),
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": FETCH_MS,
                "fetch.error.backoff.ms": 100,
                "fetch.queue.backoff.ms": 5,
                "queued.min.messages": 100_000,
                "queued.max.messages.kbytes": 16_384,
                "session.timeout.ms": SESSION_MS,
                "heartbeat.interval.ms": 1000,
                "max.poll.interval.ms": LONGEST_MS,
                "topic.metadata.refresh.interval.ms": 1000,
                **more,
            }
        )

    def finder(self, watch: Watch) -> Consumer:
        """One that reads single messages here and there, and waits for none."""
        return self.consumer(
            watch,
            "storehouse",
            **{"fetch.wait.max.ms": 5, "queued.min.messages": 1},
        )

    def admin(self) -> AdminClient:
        """One for all. Raises BusMisconfiguredError."""
        with self._creating:
            if self._admin is None:
                try:
                    self._admin = AdminClient(self._common(self._watch))
                except KafkaException as error:
                    # Files that cannot be read, say.
                    raise self.misconfigured(error.args[0]) or error from error
            return self._admin

    def check(self) -> bool:
        """Whether Kafka answers, which is noted. Raises BusMisconfiguredError."""
        self._watch.begin()
        admin = self.admin()
        try:
            # No other request costs less, and it creates nothing.
            admin.list_topics("storehouse", ANSWER_S)
        except KafkaException as error:
            admin.poll(0)
            why = self._watch.lost or error.args[0]
            self.broker.lost(why)
            if misconfigured := self.misconfigured(why):
                raise misconfigured from error
            return False
        self.broker.found()
        return True

    def close(self) -> None:
        self._admin = None

    def _common(self, watch: Watch) -> dict[str, Any]:
        return {**self.options.connecting(), "error_cb": watch.on_error}

    def misconfigured(self, error: KafkaError) -> BusMisconfiguredError | None:
        return misconfiguration(error, self.options)

    def unavailable(self, error: Exception | KafkaError) -> BusUnavailableError:
        return BusUnavailableError(f"{self.shown}: {error}")
