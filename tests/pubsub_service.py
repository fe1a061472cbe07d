"""Pub/Sub as a gRPC service: Google's messages, with servicers of our own.

It does what `tests.pubsub_state` says, and answers with Google's errors.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import grpc
from google.protobuf import empty_pb2
from google.pubsub_v1 import types

from tests.pubsub_limits import (
    MOST_BYTES,
    MOST_MESSAGES,
    RefusedError,
    check_deadline,
)
from tests.pubsub_state import Broker
from tests.pubsub_subscription import Stream, Subscription

TICK_S = 0.02
OPTIONS = [
    ("grpc.max_receive_message_length", 20_000_000),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 1000),
    ("grpc.http2.max_ping_strikes", 0),
]

T = TypeVar("T")
Answer = Callable[[Any], Any]


class Service:
    """The methods that storehouses and their neighbours use, over `broker`."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def publish(self, request: Any) -> Any:
        topic = self._broker.topic(request.topic)
        ids = self._broker.publish(topic.name, list(request.messages))
        return types.PublishResponse.pb()(message_ids=ids)

    def list_topics(self, request: Any) -> Any:
        found = self._broker.topics_of(request.project)
        page, token = _page(found, request)
        answer = types.ListTopicsResponse.pb()
        return answer(topics=page, next_page_token=token)

    def list_topic_subscriptions(self, request: Any) -> Any:
        self._broker.topic(request.topic)
        found = [
            each.config.name
            for each in self._broker.subscriptions.values()
            if each.config.topic == request.topic
        ]
        page, token = _page(found, request)
        answer = types.ListTopicSubscriptionsResponse.pb()
        return answer(subscriptions=page, next_page_token=token)

    def list_subscriptions(self, request: Any) -> Any:
        found = self._broker.subscriptions_of(request.project)
        page, token = _page(found, request)
        answer = types.ListSubscriptionsResponse.pb()
        return answer(subscriptions=page, next_page_token=token)

    def delete_topic(self, request: Any) -> Any:
        self._broker.delete_topic(request.topic)
        return empty_pb2.Empty()

    def delete_subscription(self, request: Any) -> Any:
        self._broker.delete_subscription(request.subscription)
        return empty_pb2.Empty()

    def modify_push_config(self, request: Any) -> Any:
        config = self._broker.subscription(request.subscription).config
        changed = type(config)()
        changed.CopyFrom(config)
        changed.push_config.CopyFrom(request.push_config)
        self._broker.update_subscription(changed, ["push_config"])
        return empty_pb2.Empty()

    def acknowledge(self, request: Any) -> Any:
        self._broker.acknowledge(request.subscription, request.ack_ids)
        return empty_pb2.Empty()

    def modify_ack_deadline(self, request: Any) -> Any:
        seconds = request.ack_deadline_seconds
        self._broker.modify(request.subscription, request.ack_ids, seconds)
        return empty_pb2.Empty()

    async def pull(self, request: Any) -> Any:
        """Return as soon as there is something, or without anything after a while."""
        found = self._broker.pulled(request.subscription)
        stream = Stream(min(request.max_messages, MOST_MESSAGES), MOST_BYTES)
        messages = found.take(stream)
        for _ in range(100):
            if messages:
                break
            await found.wait(TICK_S)
            messages = found.take(stream)
        return types.PullResponse.pb()(received_messages=messages)

    async def streaming_pull(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        first = await anext(aiter(requests))
        try:
            found = self._broker.pulled(first.subscription)
            check_deadline(first.stream_ack_deadline_seconds)
        except RefusedError as error:
            await context.abort(error.code, str(error))
            return
        stream = Stream(
            first.max_outstanding_messages or MOST_MESSAGES,
            first.max_outstanding_bytes or MOST_BYTES,
            first.stream_ack_deadline_seconds,
        )
        listening = asyncio.create_task(self._listen(first.subscription, requests))
        try:
            async for each in _messages(self._broker, found, stream, listening):
                yield types.StreamingPullResponse.pb()(received_messages=each)
            if listening.done():
                return
            await context.abort(grpc.StatusCode.NOT_FOUND, "Resource not found")
        finally:
            listening.cancel()
            found.streams.discard(stream)

    async def _listen(self, subscription: str, requests: Any) -> None:
        """Take the answers that come over the stream."""
        async for each in requests:
            self._broker.acknowledge(subscription, each.ack_ids)
            pairs = zip(
                each.modify_deadline_ack_ids, each.modify_deadline_seconds, strict=True
            )
            for ack_id, seconds in pairs:
                self._broker.modify(subscription, [ack_id], seconds)

    def publisher(self) -> grpc.GenericRpcHandler:
        broker = self._broker
        return _handlers(
            "google.pubsub.v1.Publisher",
            {
                "CreateTopic": (types.Topic, broker.create_topic),
                "GetTopic": (
                    types.GetTopicRequest,
                    lambda request: broker.topic(request.topic),
                ),
                "ListTopics": (types.ListTopicsRequest, self.list_topics),
                "ListTopicSubscriptions": (
                    types.ListTopicSubscriptionsRequest,
                    self.list_topic_subscriptions,
                ),
                "DeleteTopic": (types.DeleteTopicRequest, self.delete_topic),
                "Publish": (types.PublishRequest, self.publish),
            },
        )

    def subscriber(self) -> grpc.GenericRpcHandler:
        broker = self._broker
        return _handlers(
            "google.pubsub.v1.Subscriber",
            {
                "CreateSubscription": (types.Subscription, broker.create_subscription),
                "GetSubscription": (
                    types.GetSubscriptionRequest,
                    lambda request: broker.subscription(request.subscription).config,
                ),
                "UpdateSubscription": (
                    types.UpdateSubscriptionRequest,
                    lambda request: broker.update_subscription(
                        request.subscription, list(request.update_mask.paths)
                    ),
                ),
                "ListSubscriptions": (
                    types.ListSubscriptionsRequest,
                    self.list_subscriptions,
                ),
                "DeleteSubscription": (
                    types.DeleteSubscriptionRequest,
                    self.delete_subscription,
                ),
                "ModifyPushConfig": (
                    types.ModifyPushConfigRequest,
                    self.modify_push_config,
                ),
                "Acknowledge": (types.AcknowledgeRequest, self.acknowledge),
                "ModifyAckDeadline": (
                    types.ModifyAckDeadlineRequest,
                    self.modify_ack_deadline,
                ),
                "Pull": (types.PullRequest, self.pull),
            },
            {
                "StreamingPull": grpc.stream_stream_rpc_method_handler(
                    self.streaming_pull,
                    types.StreamingPullRequest.pb().FromString,
                    _serialized,
                )
            },
        )


async def serve(broker: Broker, address: str) -> None:
    """Until it is cancelled."""
    service = Service(broker)
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers((service.publisher(), service.subscriber()))
    server.add_insecure_port(address)
    await server.start()
    try:
        while True:
            await asyncio.sleep(TICK_S)
            broker.expire()
    finally:
        await server.stop(None)


async def _messages(
    broker: Broker, found: Subscription, stream: Stream, listening: asyncio.Task[None]
) -> AsyncIterator[list[Any]]:
    """Whatever can be delivered on `stream`.

    Until the subscription is deleted, or the reader has said goodbye.
    """
    found.streams.add(stream)
    name = found.config.name
    while broker.subscriptions.get(name) is found and not listening.done():
        if messages := found.take(stream):
            yield messages
        else:
            await found.wait(TICK_S)


def _handlers(
    service: str,
    methods: dict[str, tuple[Any, Answer]],
    others: dict[str, Any] | None = None,
) -> grpc.GenericRpcHandler:
    unary = {
        name: grpc.unary_unary_rpc_method_handler(
            _answering(answer), kind.pb().FromString, _serialized
        )
        for name, (kind, answer) in methods.items()
    }
    return grpc.method_handlers_generic_handler(service, {**unary, **(others or {})})


def _answering(answer: Answer) -> Callable[[Any, Any], Awaitable[Any]]:
    async def handle(request: Any, context: Any) -> Any:
        try:
            answered = answer(request)
            return await answered if isinstance(answered, Awaitable) else answered
        except RefusedError as error:
            return await context.abort(error.code, str(error))

    return handle


def _serialized(message: Any) -> bytes:
    serialized: bytes = message.SerializeToString()
    return serialized


def _page(found: list[T], request: Any) -> tuple[list[T], str]:
    first, size = int(request.page_token or 0), request.page_size or 100
    rest = len(found) > first + size
    return found[first : first + size], str(first + size) if rest else ""
