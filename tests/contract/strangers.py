"""Foreign programs that may do anything on a broker, with its own client."""

import asyncio
from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import Any, Protocol, TypeVar

import attrs
import nats
from nats.aio.client import Client

from shared_kernel.buses.aws.client import AwsClients
from shared_kernel.buses.aws.messages import body_of
from shared_kernel.buses.aws.names import Names as AwsNames
from shared_kernel.buses.aws.topics import made_topic
from shared_kernel.buses.binary_mode import headers_of, message_id
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.nats.messages import MESSAGE_ID
from shared_kernel.buses.redis.messages import fields_of
from shared_kernel.buses.redis.names import Names
from tests.contract.bus_bench import Bench
from tests.contract.stranger_on_kafka import OnKafka
from tests.contract.stranger_on_pubsub import OnPubSub

PREFIX = "shop"
JUNK: Mapping[str, str] = {"ce-id": "", "ce-position": "many", "ce-source": "nowhere"}
STREAM = "storehouse"
T = TypeVar("T")
Deeds = Mapping[str, Callable[[], object]]


class Stranger(Protocol):
    """It knows the names of everything that a log has on the broker."""

    def send(self, envelope: Envelope) -> None:
        """Put it where the log's events are, or its heartbeats."""

    def deeds(self) -> Deeds:
        """What it does besides, by name."""

    def close(self) -> None: ...


@attrs.frozen
class OnRedis:
    client: Any
    source: str
    log: str
    names: Names = attrs.field(factory=lambda: Names(PREFIX))

    @property
    def stream(self) -> str:
        return self.names.log(self.source, self.log)

    def send(self, envelope: Envelope) -> None:
        to = self.names.heartbeats if envelope.is_heartbeat else self.stream
        fields = fields_of(envelope)
        self.client.xadd(to, {n: _text(v) for n, v in fields.items()})

    def deeds(self) -> Deeds:
        client, stream, beats = self.client, self.stream, self.names.heartbeats
        last = f"{2**64 - 1}-{2**64 - 1}"
        return {
            "adds what is no event": lambda: client.xadd(stream, {"a": "b"}),
            "adds junk": lambda: client.xadd(stream, {**JUNK, "data": b"\xff"}),
            "adds junk to the heartbeats": lambda: client.xadd(beats, dict(JUNK)),
            "deletes the newest entry": self._delete_the_newest,
            "trims": lambda: client.xtrim(stream, maxlen=0),
            "deletes the stream": lambda: client.delete(stream),
            "adds at a high position": lambda: client.xadd(stream, JUNK, id=2**40),
            "exhausts the ids": lambda: client.xadd(stream, JUNK, id=last),
            "puts a text in its place": lambda: client.set(stream, "text"),
            "puts a text for the heartbeats": lambda: client.set(beats, "text"),
            "puts a text for the names": lambda: client.set(self.names.streams, "text"),
            "deletes everything": client.flushall,
        }

    def close(self) -> None:
        """The client is the server's."""

    def _delete_the_newest(self) -> None:
        for id_, _ in self.client.xrevrange(self.stream, count=1):
            self.client.xdel(self.stream, id_)


def _text(value: T) -> T | str:
    """Some lies are no texts, which no client can send."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


class OnNats:
    """On core NATS anybody can publish, and nothing is kept."""

    def __init__(self, address: str) -> None:
        self._runner = asyncio.Runner()
        self._client: Client = self._runner.run(nats.connect(f"nats://{address}"))

    def send(self, envelope: Envelope) -> None:
        headers = {**headers_of(envelope), MESSAGE_ID: message_id(envelope)}
        written = {name: _text(value) for name, value in headers.items()}
        self._publish(envelope.type, envelope.data, written)

    def deeds(self) -> Deeds:
        return {
            "sends what is no event": lambda: self._publish("product.inserted", b"{"),
            "sends junk": lambda: self._publish("product.inserted", b"\xff", JUNK),
            "sends a junk heartbeat": lambda: self._publish(
                "heartbeat.shop", b"", JUNK
            ),
        }

    def close(self) -> None:
        self._runner.run(self._client.close())
        self._runner.close()

    def _publish(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        async def publish() -> None:
            name = f"{PREFIX}.{subject}"
            await self._client.publish(name, data, headers=dict(headers or {}))
            await self._client.flush()

        self._runner.run(publish())


class OnJetStream(OnNats):
    def deeds(self) -> Deeds:
        js = self._client.jetstream()

        async def delete_the_newest() -> None:
            newest = (await js.stream_info(STREAM)).state.last_seq
            await js.delete_msg(STREAM, newest)

        async def delete_consumers() -> None:
            for each in await js.consumers_info(STREAM):
                await js.delete_consumer(STREAM, each.name)

        done: dict[str, Callable[[], Any]] = {
            "deletes the newest message": delete_the_newest,
            "empties the stream": lambda: js.purge_stream(STREAM),
            "deletes the consumers": delete_consumers,
            "deletes the stream": lambda: js.delete_stream(STREAM),
        }

        def running(deed: Callable[[], Any]) -> Callable[[], object]:
            return lambda: self._runner.run(_awaited(deed))

        return {**super().deeds(), **{n: running(each) for n, each in done.items()}}


async def _awaited(deed: Callable[[], Any]) -> None:
    await deed()


@attrs.frozen
class OnAws:
    clients: AwsClients
    source: str
    log: str
    names: AwsNames

    def send(self, envelope: Envelope) -> None:
        text = body_of(written(envelope))
        self._publish(text)

    def deeds(self) -> Deeds:
        sns, sqs = self.clients.sns, self.clients.sqs
        return {
            "publishes what is no event": lambda: self._publish("{}"),
            "publishes junk": lambda: self._publish('{"specversion": "1.0", "id": 1}'),
            "takes messages away": self._take_away,
            "empties the queues": lambda: [
                sqs.purge_queue(QueueUrl=each) for each in self._queues()
            ],
            "ends the subscriptions": lambda: [
                sns.unsubscribe(SubscriptionArn=each["SubscriptionArn"])
                for each in sns.list_subscriptions()["Subscriptions"]
            ],
            "deletes the queues": lambda: [
                sqs.delete_queue(QueueUrl=each) for each in self._queues()
            ],
            "deletes the topic": lambda: sns.delete_topic(TopicArn=self._topic()),
        }

    def close(self) -> None:
        self.clients.close()

    def _topic(self) -> str:
        return made_topic(self.clients, self.names.topic(self.source, self.log))

    def _queues(self) -> list[str]:
        found = self.clients.sqs.list_queues().get("QueueUrls", [])
        return [str(url) for url in found]

    def _publish(self, text: str) -> None:
        ordered = {"MessageGroupId": "lies", "MessageDeduplicationId": token_hex()}
        self.clients.sns.publish(
            TopicArn=self._topic(),
            Message=text,
            **(ordered if self.names.fifo else {}),
        )

    def _take_away(self) -> None:
        for url in self._queues():
            self.clients.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)


def written(envelope: Envelope) -> Envelope:
    """Without what no text can have."""
    names = ("id", "source", "type", "key", "log", "previous", "seal")
    texts: dict[str, Any] = {name: _text(getattr(envelope, name)) for name in names}
    return attrs.evolve(envelope, **texts)


def on_aws(fifo: bool) -> "Make":
    names = AwsNames(prefix=PREFIX, fifo=fifo)
    return lambda bench, source, log: OnAws(
        _server(bench).clients(), source, log, names
    )


Make = Callable[[Bench, str, str], Stranger]
"""A stranger on the server of a bench, where the log of a source has an identity."""


def _server(bench: Bench) -> Any:
    return bench.server


STRANGERS: Mapping[str, Make] = {
    "nats://": lambda bench, *_: OnNats(_server(bench).address),
    "jetstream://": lambda bench, *_: OnJetStream(_server(bench).address),
    "kafka://": lambda bench, *log: OnKafka(_server(bench).address, PREFIX, *log),
    "redis://": lambda bench, source, log: OnRedis(_server(bench).client, source, log),
    "sns+sqs://": on_aws(fifo=False),
    "sns+sqs://, FIFO": on_aws(fifo=True),
    "pubsub://": lambda bench, source, log: OnPubSub(
        _server(bench).host, PREFIX, source, log
    ),
}
"""By the name of the bus in `test_bus.BUSES`."""
