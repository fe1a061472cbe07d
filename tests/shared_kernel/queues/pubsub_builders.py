"""Queues on a Pub/Sub of the test, and a program that knows nothing of ours."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import grpc
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from shared_kernel.buses.pubsub.address import PubSubAddress
from shared_kernel.clock import Clock
from shared_kernel.queues.bodies import Received
from shared_kernel.queues.pubsub.opening import open_link
from shared_kernel.queues.redelivering import Broker, BrokerLink
from tests.pubsub_server import PROJECT, PubSubServer
from tests.shared_kernel.queues.broker_benches import Whole

SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/queue.work.workers"


class PubSubPlace:
    def __init__(self, server: PubSubServer) -> None:
        self.server = server

    def link(self, clock: Clock, *, ack_wait_s: int = 30) -> BrokerLink:
        url = f"pubsub://{PROJECT}"
        link = open_link(
            PubSubAddress.of(url, self.server.host),
            "work",
            max_age_s=3600,
            clock=clock,
            jitter=lambda: 1.0,
        )
        if ack_wait_s < 10:
            link._client = _Soon(link._client, self, ack_wait_s)
        return link

    def send(
        self,
        body: bytes,
        attributes: Mapping[str, str] | None = None,
        queue: str = "work",
    ) -> None:
        message = {"data": body, "attributes": attributes or {}}
        topic = f"projects/{PROJECT}/topics/queue.{queue}"
        with closing(self._channel()) as channel:
            publisher = PublisherClient(
                transport=PublisherGrpcTransport(channel=channel)
            )
            publisher.publish(request={"topic": topic, "messages": [message]})

    def wipe(self) -> None:
        with closing(self._channel()) as channel:
            transport = PublisherGrpcTransport(channel=channel)
            publisher = PublisherClient(transport=transport)
            of_project = {"project": f"projects/{PROJECT}"}
            for topic in publisher.list_topics(request=of_project):
                publisher.delete_topic(request={"topic": topic.name})
            subscriber = self._subscriber(channel)
            for each in subscriber.list_subscriptions(request=of_project):
                subscriber.delete_subscription(request={"subscription": each.name})

    def come_again_after(self, seconds: int, receipts: Sequence[Any]) -> None:
        """Google accepts no deadline of a subscription below ten seconds."""
        with closing(self._channel()) as channel:
            self._subscriber(channel).modify_ack_deadline(
                request={
                    "subscription": SUBSCRIPTION,
                    "ack_ids": list(receipts),
                    "ack_deadline_seconds": seconds,
                }
            )

    def _channel(self) -> Any:
        return grpc.insecure_channel(self.server.host)

    def _subscriber(self, channel: Any) -> SubscriberClient:
        transport = SubscriberGrpcTransport(channel=channel)
        return SubscriberClient(transport=transport)


class _Soon(Whole):
    """What it receives comes again after so many seconds."""

    def __init__(self, broker: Broker, place: PubSubPlace, seconds: int) -> None:
        super().__init__(broker)
        self._place = place
        self._seconds = seconds

    def receive(self, most: int, wait_s: float) -> list[Received]:
        found = super().receive(most, wait_s)
        if found:
            receipts = [each.receipt for each in found]
            self._place.come_again_after(self._seconds, receipts)
        return found
