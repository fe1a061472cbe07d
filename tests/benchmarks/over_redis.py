"""Events from end to end through Redis Streams: our bus beside redis-py alone.

The same entries, appended in the same batches and read by another connection. Ours are
sealed and opened besides. Both sides run in this process.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import redis

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import Delivery, Followed
from shared_kernel.buses.redis.address import RedisAddress
from shared_kernel.buses.redis.bus import RedisBus
from shared_kernel.buses.redis.connection import RedisConnection
from shared_kernel.buses.redis.messages import fields_of
from shared_kernel.buses.redis.names import Names
from shared_kernel.events.seal import opens, sealed
from tests.benchmarks.measuring import Result, compared, interleaved, per_second
from tests.redis_server import RedisServer

BATCH = 1000
TIMEOUT_S = 60.0
AGES_S = 1e9
"""The events are years old."""
KEY = "5e" * 32
LEAST_RATIO = 0.5


def through_redis(events: Sequence[Envelope]) -> Result:
    with (
        TemporaryDirectory(prefix="storehouse-bench-") as folder,
        RedisServer(Path(folder)) as server,
    ):
        medians = interleaved(
            lambda: per_second(lambda: _ours(server, events)),
            lambda: per_second(lambda: _alone(server, events)),
        )
    return compared(
        "events through Redis Streams, end to end",
        "redis-py alone, XADD by pipelines and XREAD",
        "events/s",
        medians,
        LEAST_RATIO,
    )


def _ours(server: RedisServer, events: Sequence[Envelope]) -> int:
    server.wipe()
    publisher, receiver = _bus(server), _bus(server)
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


def _bus(server: RedisServer) -> RedisBus:
    connection = RedisConnection(RedisAddress.of(server.url))
    return RedisBus(connection, Names(), max_age_s=AGES_S)


def _alone(server: RedisServer, events: Sequence[Envelope]) -> int:
    server.wipe()
    publisher, receiver = _client(server), _client(server)
    last, arrived = events[-1].id.encode(), threading.Event()

    def read() -> None:
        after: Any = "0"
        while not arrived.is_set():
            for _, found in receiver.xread({"bare": after}, count=1000, block=1000):
                after = found[-1][0]
                if found[-1][1][b"ce-id"] == last:
                    arrived.set()

    reading = threading.Thread(target=read)
    reading.start()
    for batch in _in_batches(events):
        with publisher.pipeline(transaction=False) as pipeline:
            for envelope in batch:
                pipeline.xadd("bare", fields_of(envelope))
            pipeline.execute()
    if not arrived.wait(TIMEOUT_S):
        raise RuntimeError("not all events have arrived")
    reading.join()
    for client in (publisher, receiver):
        client.close()
    return len(events)


def _client(server: RedisServer) -> Any:
    return redis.Redis(port=server.port, db=1, protocol=2)


def _in_batches(events: Sequence[Envelope]) -> list[Sequence[Envelope]]:
    return [events[start : start + BATCH] for start in range(0, len(events), BATCH)]
