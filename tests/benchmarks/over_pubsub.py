"""Events from end to end through Pub/Sub: our bus beside Google's clients alone.

The same messages, published in the same batches and read by a streaming pull over
another connection. Ours are sealed and opened besides. Both sides run in this process,
the server, which is of our own, in another one.
"""

import itertools
import threading
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

from google.pubsub_v1 import types

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import Delivery, Followed
from shared_kernel.buses.pubsub.address import PubSubAddress
from shared_kernel.buses.pubsub.bus import PubSubBus
from shared_kernel.buses.pubsub.connection import Clients, PubSubConnection, ask
from shared_kernel.buses.pubsub.declared import (
    Terms,
    ensure_subscription,
    ensure_topic,
)
from shared_kernel.buses.pubsub.messages import message_of
from shared_kernel.buses.pubsub.names import Names
from shared_kernel.events.seal import opens, sealed
from tests.benchmarks.measuring import Result, compared, interleaved, per_second
from tests.pubsub_server import PROJECT, PubSubServer

BATCH = 1000
TIMEOUT_S = 60.0
KEY = "5e" * 32
LEAST_RATIO = 0.5
_rounds = itertools.count(1)


def through_pubsub(events: Sequence[Envelope]) -> Result:
    with (
        TemporaryDirectory(prefix="storehouse-bench-") as folder,
        PubSubServer(Path(folder)) as server,
    ):
        medians = interleaved(
            lambda: per_second(lambda: _ours(server, events)),
            lambda: per_second(lambda: _alone(server, events)),
        )
    return compared(
        "events through Pub/Sub, end to end",
        "Google's clients alone, publish and streaming pull",
        "events/s",
        medians,
        LEAST_RATIO,
    )


def _ours(server: PubSubServer, events: Sequence[Envelope]) -> int:
    names = Names(PROJECT, f"round-{next(_rounds)}")
    publisher, receiver = (
        PubSubBus(_connection(server, names), names) for _ in range(2)
    )
    last, arrived = events[-1].id, threading.Event()

    def deliver(delivery: Delivery) -> None:
        if not all(opens(each, (KEY,)) for each in delivery.envelopes):
            raise RuntimeError("a seal does not open")
        delivery.acknowledge()
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


def _alone(server: PubSubServer, events: Sequence[Envelope]) -> int:
    names = Names(PROJECT, f"bare-{next(_rounds)}")
    topic = names.topic("events")
    subscription = names.follower(topic, "bench")
    publishing, reading = _connection(server, names), _connection(server, names)
    publisher, reader = publishing.clients(), reading.clients()
    ensure_topic(publisher, topic)
    ensure_subscription(publisher, subscription, topic, Terms())
    thread = threading.Thread(target=_read, args=(reader, subscription, len(events)))
    thread.start()
    for batch in _in_batches(events):
        request = types.PublishRequest.pb()(
            topic=topic, messages=[message_of(each) for each in batch]
        )
        ask(publisher.publisher.publish, types.PublishRequest.wrap(request), 5)
    thread.join(TIMEOUT_S)
    if thread.is_alive():
        raise RuntimeError("not all events have arrived")
    for connection in (publishing, reading):
        connection.close()
    return len(events)


def _read(clients: Clients, subscription: str, count: int) -> None:
    """Acknowledges over the stream itself."""
    requests: SimpleQueue[types.StreamingPullRequest] = SimpleQueue()
    requests.put(
        types.StreamingPullRequest(
            subscription=subscription, stream_ack_deadline_seconds=10
        )
    )
    call = clients.streaming_pull(iter(requests.get, None))
    for response in call:
        received = types.StreamingPullResponse.pb(response).received_messages
        ids = [each.ack_id for each in received]
        requests.put(types.StreamingPullRequest(ack_ids=ids))
        count -= len(ids)
        if count <= 0:
            call.cancel()
            return


def _connection(server: PubSubServer, names: Names) -> PubSubConnection:
    address = PubSubAddress(project=PROJECT, emulator=server.host)
    return PubSubConnection(address, names.heartbeats)


def _in_batches(events: Sequence[Envelope]) -> list[Sequence[Envelope]]:
    return [events[start : start + BATCH] for start in range(0, len(events), BATCH)]
