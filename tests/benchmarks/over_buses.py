"""Events from end to end through NATS: our buses beside nats-py alone.

The same messages, headers included, published in the same batches; received by another
connection. Ours are sealed and opened besides, as they are between a relay and a
subscription. Both sides run in this process.
"""

import asyncio
import hmac
import http.client
import itertools
import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from uuid_utils import uuid7

from catalog.bootstrap import COMMANDS, QUERIES
from shared_kernel.buses.binary_mode import headers_of
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.nats.core import NatsBus
from shared_kernel.buses.nats.jetstream import JetStreamBus
from shared_kernel.buses.nats.messages import MESSAGE_ID
from shared_kernel.buses.nats.options import NatsOptions
from shared_kernel.buses.nats.stream import StreamDeclaration
from shared_kernel.buses.port import Delivery, EventBus
from shared_kernel.events.seal import opens, sealed
from tests.benchmarks.measuring import Result, compared, interleaved, per_second
from tests.benchmarks.over_aws import through_aws
from tests.benchmarks.over_kafka import through_kafka
from tests.benchmarks.over_pubsub import through_pubsub
from tests.benchmarks.over_redis import through_redis
from tests.benchmarks.servers import request
from tests.cluster import SPLIT, Cluster
from tests.nats_server import NatsServer

EVENTS = 20_000
BATCH = 1000
FETCH = 500
TIMEOUT_S = 60.0
PROBES = 300
PAUSE_S = 0.005
LEAST_RATIO = 0.5
STREAM = "storehouse"
KEY = "5e" * 32
LOG = str(uuid7())


def results() -> list[Result]:
    measured = []
    for work, reference_work, ours, reference in (
        (
            "events through core NATS, end to end",
            "nats-py alone, queue subscription",
            _through_core,
            _core_alone,
        ),
        (
            "events through JetStream, end to end",
            "nats-py alone, publish_async and fetch, acknowledged",
            _through_jetstream,
            _jetstream_alone,
        ),
    ):
        with (
            TemporaryDirectory(prefix="storehouse-bench-") as folder,
            NatsServer(Path(folder), jetstream=True) as server,
        ):
            medians = interleaved(
                lambda ours=ours, server=server: per_second(lambda: ours(server)),  # type: ignore[misc]
                lambda reference=reference, server=server: per_second(  # type: ignore[misc]
                    lambda: reference(server)
                ),
            )
        measured.append(
            compared(work, reference_work, "events/s", medians, LEAST_RATIO)
        )
    measured += [_sealed_by(NatsBus, 0.75), _sealed_by(_jetstream, 0.85)]
    events = some_events("product.inserted")
    measured += [
        each(events)
        for each in (through_redis, through_kafka, through_pubsub, through_aws)
    ]
    measured.append(_a_seal())
    return measured + [
        _visible_elsewhere(bus)
        for bus in ("nats", "jetstream", "redis", "kafka", "pubsub", "aws", "feed")
    ]


def _sealed_by(
    connect: Callable[[NatsOptions], EventBus], least_ratio: float
) -> Result:
    """What making and opening seals costs, beside the same messages without."""
    with (
        TemporaryDirectory(prefix="storehouse-bench-") as folder,
        NatsServer(Path(folder), jetstream=True) as server,
    ):
        options = NatsOptions(servers=[server.address])

        def through(key: str | None) -> float:
            events = some_events("product.inserted")
            return per_second(lambda: _through(lambda: connect(options), events, key))

        medians = interleaved(lambda: through(KEY), lambda: through(None))
    name = "core NATS" if connect is NatsBus else "JetStream"
    return compared(
        f"events through {name}, sealed and opened",
        "the same without seals",
        "events/s",
        medians,
        least_ratio,
    )


def _a_seal() -> Result:
    events = some_events("product.inserted")

    def ours() -> int:
        seals = [sealed(each, KEY, previous=each.id, relay=KEY[:16]) for each in events]
        if not all(opens(each, (KEY,)) for each in seals):
            raise RuntimeError("a seal does not open")
        return len(events)

    def reference() -> int:
        key = bytes.fromhex(KEY)
        for each in events:
            for _ in range(2):
                hmac.digest(key, each.data, "sha256")
        return len(events)

    medians = interleaved(lambda: per_second(ours), lambda: per_second(reference))
    return compared(
        "a seal made and opened",
        "hmac of the payload alone, twice",
        "events/s",
        medians,
        0.25,
        note=f"{1e6 / medians[0]:.1f} µs an event",
    )


def _jetstream(options: NatsOptions) -> EventBus:
    declared = StreamDeclaration(name=STREAM, subjects=("product.>",))
    return JetStreamBus(options, declared)


def _visible_elsewhere(bus: str) -> Result:
    """From the response to a POST until another process lists the product."""
    with TemporaryDirectory(prefix="storehouse-bench-") as folder:
        settings = {"LOG_LEVEL": "ERROR"}
        with Cluster(Path(folder), SPLIT, bus, settings=settings) as cluster:
            (commands,) = cluster.ports_of(COMMANDS)
            (queries,) = cluster.ports_of(QUERIES)
            stop, posted = threading.Event(), itertools.count()
            loading = threading.Thread(
                target=_post_steadily, args=[commands, stop, posted]
            )
            loading.start()
            waits_ms = sorted(
                _probe(commands, queries, number) for number in range(PROBES)
            )
            stop.set()
            loading.join()
    p99 = waits_ms[int(len(waits_ms) * 0.99) - 1]
    return Result(
        work=f"acknowledged POST → visible in another process by {bus}, p99",
        reference_work="",
        unit="ms",
        ours=p99,
        reference=None,
        to_reach="",
        reached=True,
        note=f"median {statistics.median(waits_ms):.1f} ms, beside some "
        f"{1 / PAUSE_S:.0f} POST/s",
    )


def _post_steadily(port: int, stop: threading.Event, numbers: Iterator[int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    while not stop.wait(PAUSE_S):
        _post(connection, f"LOAD-{next(numbers)}")
    connection.close()


def _probe(commands: int, queries: int, number: int) -> float:
    """Milliseconds."""
    with (
        closing(http.client.HTTPConnection("127.0.0.1", commands)) as writing,
        closing(http.client.HTTPConnection("127.0.0.1", queries)) as reading,
    ):
        sku = f"PROBE-{number}"
        reading.connect()
        position = _post(writing, sku)
        acknowledged = time.perf_counter()
        path = f"/products?limit=1&cursor={position - 1}"
        while time.perf_counter() - acknowledged < TIMEOUT_S:
            _, body = request(reading, "GET", path)
            if any(product["code"] == sku for product in json.loads(body)):
                return (time.perf_counter() - acknowledged) * 1000
    raise RuntimeError(f"{sku} does not appear")


def _post(connection: http.client.HTTPConnection, sku: str) -> int:
    """The position of the registration, and the product's place in the listing."""
    body = json.dumps({"name": "Probe", "sku": sku, "stock_count": 1})
    headers = {"Content-Type": "application/json"}
    response, answer = request(connection, "POST", "/products", body, headers)
    if response.status != 201:
        raise RuntimeError(f"{response.status}: {answer!r}")
    return int(response.headers["Consistency-Token"].partition(":")[2])


def some_events(subject: str) -> list[Envelope]:
    """As the catalog publishes them."""
    return [
        Envelope(
            position,
            str(uuid7()),
            "catalog",
            subject,
            f"SKU-{position:06}",
            1_700_000_000_000_000 + position,
            None,
            msgspec.json.encode(
                {
                    "name": f"Lamp number {position}",
                    "sku": f"SKU-{position:06}",
                    "stock_count": 5,
                    "description": None,
                    "price_minor_units": 1999,
                    "price_currency": "EUR",
                    "status": "listed",
                    "version": 1,
                }
            ),
            LOG,
        )
        for position in range(1, EVENTS + 1)
    ]


def _in_batches(events: Sequence[Envelope]) -> list[Sequence[Envelope]]:
    return [events[start : start + BATCH] for start in range(0, EVENTS, BATCH)]


def _through_core(server: NatsServer) -> int:
    options = NatsOptions(servers=[server.address])
    return _through(lambda: NatsBus(options), some_events("product.inserted"), KEY)


def _through_jetstream(server: NatsServer) -> int:
    options = NatsOptions(servers=[server.address])
    return _through(lambda: _jetstream(options), some_events("product.inserted"), KEY)


def _through(
    connect: Callable[[], EventBus], events: Sequence[Envelope], key: str | None = None
) -> int:
    """Sealed with `key` and opened with it, if one is given."""
    publisher, receiver = connect(), connect()
    last, arrived = events[-1].id, threading.Event()

    def deliver(delivery: Delivery) -> None:
        delivery.acknowledge()
        if key is not None and not all(opens(e, (key,)) for e in delivery.envelopes):
            raise RuntimeError("a seal does not open")
        if delivery.envelopes[-1].id == last:
            arrived.set()

    for bus in (publisher, receiver):
        bus.open()
    receiver.subscribe("product.>", "bench", deliver)
    for batch in _in_batches(events):
        publisher.publish(batch if key is None else _sealed(batch, key))
    if not arrived.wait(TIMEOUT_S):
        raise RuntimeError("not all events have arrived")
    for bus in (publisher, receiver):
        bus.close()
    return len(events)


def _sealed(batch: Sequence[Envelope], key: str) -> list[Envelope]:
    return [sealed(each, key, previous=each.id, relay=key[:16]) for each in batch]


def _core_alone(server: NatsServer) -> int:
    events = some_events("product.inserted")

    async def work() -> None:
        publisher, receiver = await _two_clients(server)
        last, arrived = events[-1].id, asyncio.Event()

        async def receive(message: Msg) -> None:
            if message.headers and message.headers["ce-id"] == last:
                arrived.set()

        await receiver.subscribe("product.>", queue="bench", cb=receive)
        await receiver.flush()
        for batch in _in_batches(events):
            for envelope in batch:
                await publisher.publish(
                    envelope.type, envelope.data, headers=headers_of(envelope)
                )
            await publisher.flush()
        async with asyncio.timeout(TIMEOUT_S):
            await arrived.wait()
        await publisher.close()
        await receiver.close()

    asyncio.run(work())
    return len(events)


def _jetstream_alone(server: NatsServer) -> int:
    events = some_events("product.inserted")

    async def publish(client: Client) -> None:
        js = client.jetstream()
        for batch in _in_batches(events):
            acknowledged = [
                await js.publish_async(
                    envelope.type,
                    envelope.data,
                    headers={**headers_of(envelope), MESSAGE_ID: envelope.id},
                )
                for envelope in batch
            ]
            await asyncio.gather(*acknowledged)

    async def receive(client: Client) -> None:
        js = client.jetstream()
        pull = await js.pull_subscribe("product.>", durable="alone", stream=STREAM)
        await subscribed(client)
        left = len(events)
        while left:
            messages = await pull.fetch(FETCH, timeout=TIMEOUT_S)
            for message in messages:
                await message.ack()
            left -= len(messages)

    ready = asyncio.Event()

    async def subscribed(client: Client) -> None:
        await client.flush()
        ready.set()

    async def work() -> None:
        publisher, receiver = await _two_clients(server)
        js = receiver.jetstream()
        try:
            await js.delete_consumer(STREAM, "alone")
            await js.purge_stream(STREAM)
        except nats.js.errors.NotFoundError:
            pass
        config = nats.js.api.StreamConfig(
            name=STREAM,
            subjects=["product.>"],
            storage=nats.js.api.StorageType.FILE,
            duplicate_window=120,
            max_age=7 * 24 * 3600,
        )
        try:
            await js.add_stream(config)
        except nats.js.errors.BadRequestError:
            # Our bus has created it already.
            await js.purge_stream(STREAM)
        receiving = asyncio.create_task(receive(receiver))
        await ready.wait()
        await publish(publisher)
        await receiving
        # Otherwise our consumer would receive them, too.
        await js.purge_stream(STREAM)
        await publisher.close()
        await receiver.close()

    asyncio.run(work())
    return len(events)


async def _two_clients(server: NatsServer) -> tuple[Client, Client]:
    return await nats.connect(server.url), await nats.connect(server.url)
