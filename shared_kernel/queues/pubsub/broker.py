"""A queue on Pub/Sub: a topic, and the one subscription that all workers share."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from google.api_core.exceptions import DeadlineExceeded, NotFound

from shared_kernel.buses.pubsub.connection import Clients, PubSubConnection, ask
from shared_kernel.buses.pubsub.declared import (
    Terms,
    ensure_subscription,
    ensure_topic,
)
from shared_kernel.queues.bodies import Received

T = TypeVar("T")


class PubSubBroker:
    """Makes topic and subscription with the first request, and when they are gone."""

    def __init__(
        self, connection: PubSubConnection, topic: str, subscription: str, terms: Terms
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._subscription = subscription
        self._terms = terms
        self._is_declared = False

    def send(self, bodies: Sequence[bytes]) -> None:
        messages = [{"data": body} for body in bodies]
        request = {"topic": self._topic, "messages": messages}
        self._ask(lambda clients: ask(clients.publisher.publish, request))

    def receive(self, most: int, wait_s: float) -> list[Received]:
        request = {"subscription": self._subscription, "max_messages": most}

        def pull(clients: Clients) -> list[Received]:
            try:
                answer = ask(clients.subscriber.pull, request, wait_s)
            except DeadlineExceeded:
                return []
            return [_received(each) for each in answer.received_messages]

        return self._ask(pull)

    def acknowledge(self, receipts: Sequence[Any]) -> None:
        request = {"subscription": self._subscription, "ack_ids": list(receipts)}
        self._ask(lambda clients: ask(clients.subscriber.acknowledge, request))

    def release(self, receipts: Sequence[Any]) -> None:
        request = {
            "subscription": self._subscription,
            "ack_ids": list(receipts),
            "ack_deadline_seconds": 0,
        }
        self._ask(lambda clients: ask(clients.subscriber.modify_ack_deadline, request))

    def counts(self) -> dict[str, int]:
        """Pub/Sub does not tell: Cloud Monitoring does, minutes later."""
        request = {"subscription": self._subscription}
        self._ask(lambda clients: ask(clients.subscriber.get_subscription, request))
        return {}

    def purge(self) -> None:
        """What the subscription has goes with it; an empty one is made."""
        request = {"subscription": self._subscription}

        def purge(clients: Clients) -> None:
            ask(clients.subscriber.delete_subscription, request)
            self._declare(clients)

        self._ask(purge)

    def close(self) -> None:
        self._connection.close()

    def _ask(self, request: Callable[[Clients], T]) -> T:
        def ask_again(clients: Clients) -> T:
            if not self._is_declared:
                self._declare(clients)
            try:
                return request(clients)
            except NotFound:
                self._declare(clients)
                return request(clients)

        return self._connection.ask(ask_again)

    def _declare(self, clients: Clients) -> None:
        ensure_topic(clients, self._topic)
        ensure_subscription(clients, self._subscription, self._topic, self._terms)
        self._is_declared = True


def _received(received: Any) -> Received:
    return Received(
        id=received.message.message_id,
        body=received.message.data,
        receipt=received.ack_id,
        attributes=dict(received.message.attributes),
    )
