"""Events from end to end through Kafka: our bus beside confluent-kafka alone.

The same messages, published in the same batches by an idempotent producer and read by
another client. Ours are sealed and opened besides. Both sides run in this process.
"""

import threading
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from confluent_kafka import Consumer, Producer, TopicPartition

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.kafka.bus import KafkaBus
from shared_kernel.buses.kafka.messages import headers_of, key_of
from shared_kernel.buses.kafka.options import KafkaOptions
from shared_kernel.buses.port import Delivery, Followed
from shared_kernel.events.seal import opens, sealed
from tests.benchmarks.measuring import Result, compared, interleaved, per_second
from tests.kafka_server import KafkaServer

BATCH = 1000
TIMEOUT_S = 60.0
KEY = "5e" * 32
LEAST_RATIO = 0.3
"""The client alone is in C and decodes nothing; here each event becomes an envelope."""
numbers = count(1)


def through_kafka(events: Sequence[Envelope]) -> Result:
    with (
        TemporaryDirectory(prefix="storehouse-bench-") as folder,
        KafkaServer(Path(folder)) as server,
    ):
        medians = interleaved(
            lambda: per_second(lambda: _ours(server, events)),
            lambda: per_second(lambda: _alone(server, events)),
        )
    return compared(
        "events through Kafka, end to end",
        "confluent-kafka alone, idempotent, and an assigned reader",
        "events/s",
        medians,
        LEAST_RATIO,
    )


def _ours(server: KafkaServer, events: Sequence[Envelope]) -> int:
    options = KafkaOptions(servers=[server.address], prefix=f"run-{next(numbers)}")
    publisher, receiver = KafkaBus(options), KafkaBus(options)
    last, arrived = events[-1].id, threading.Event()

    def deliver(delivery: Delivery) -> None:
        if not all(opens(each, (KEY,)) for each in delivery.envelopes):
            raise RuntimeError("a seal does not open")
        if delivery.envelopes[-1].id == last:
            arrived.set()

    log = events[0].log
    followed = Followed(source="catalog", pattern="product.>", group="bench", log=log)
    receiver.follow(followed, deliver)
    for batch in _in_batches(events):
        publisher.publish(
            [sealed(each, KEY, previous=each.id, relay=KEY[:16]) for each in batch]
        )
    if not arrived.wait(TIMEOUT_S):
        raise RuntimeError("not all events have arrived")
    for bus in (publisher, receiver):
        bus.close()
    return len(events)


def _alone(server: KafkaServer, events: Sequence[Envelope]) -> int:
    topic = f"bare-{next(numbers)}"
    client = {"bootstrap.servers": server.address, "log_level": 0}
    publisher = Producer({**client, "enable.idempotence": True, "linger.ms": 0})
    receiver = Consumer(
        {**client, "group.id": "bench", "auto.offset.reset": "earliest"}
        | {"fetch.wait.max.ms": 100}
    )
    last, arrived = events[-1].id.encode(), threading.Event()

    def read() -> None:
        while not arrived.is_set():
            for message in receiver.consume(BATCH, 0.1):
                if not message.error() and ("ce_id", last) in (message.headers() or ()):
                    arrived.set()

    publisher.list_topics(topic, 5)
    receiver.assign([TopicPartition(topic, 0, 0)])
    reading = threading.Thread(target=read)
    reading.start()
    for batch in _in_batches(events):
        for envelope in batch:
            publisher.produce(
                topic,
                envelope.data,
                key_of(envelope),
                0,
                headers=list(headers_of(envelope)),
            )
        publisher.flush(TIMEOUT_S)
    if not arrived.wait(TIMEOUT_S):
        raise RuntimeError("not all events have arrived")
    reading.join()
    receiver.close()
    return len(events)


def _in_batches(events: Sequence[Envelope]) -> list[Sequence[Envelope]]:
    return [events[start : start + BATCH] for start in range(0, len(events), BATCH)]
