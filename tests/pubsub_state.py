"""What a Pub/Sub server knows: topics, subscriptions, and what is on its way.

As Google's: names and limits, ordering keys, deadlines, redelivery with backoff. What
is published and acknowledged is in a file before it is answered.
"""

import pickle
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
from google.pubsub_v1 import types

from tests.pubsub_limits import (
    DEFAULT_DEADLINE_S,
    RefusedError,
    check_configuration,
    check_messages,
    check_name,
    invalid,
    not_found,
)
from tests.pubsub_subscription import Message, Subscription

IMMUTABLE = {"name", "topic", "enable_message_ordering", "filter"}


class Broker:
    """`file` keeps everything, through a kill too."""

    def __init__(self, file: Path) -> None:
        self.topics: dict[str, Any] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self._number = 0
        self._file = file
        for record in _records(file):
            self._apply(*record)
        self._log = file.open("ab", buffering=0)

    def create_topic(self, topic: Any) -> Any:
        check_name(topic.name)
        if topic.name in self.topics:
            raise RefusedError(grpc.StatusCode.ALREADY_EXISTS, "Topic already exists")
        self._do("topic", topic.SerializeToString())
        return topic

    def topic(self, name: str) -> Any:
        if name not in self.topics:
            raise not_found(name)
        return self.topics[name]

    def topics_of(self, project: str) -> list[Any]:
        return [
            topic
            for name, topic in sorted(self.topics.items())
            if name.startswith(f"{project}/")
        ]

    def delete_topic(self, name: str) -> None:
        self.topic(name)
        self._do("no topic", name)

    def publish(self, topic: str, messages: Sequence[Any]) -> list[str]:
        check_messages(messages)
        first, now = self._number + 1, time.time()
        for number, each in enumerate(messages, start=first):
            each.message_id = str(number)
            each.publish_time.FromNanoseconds(int(now * 1e9))
        self._do("publish", topic, [each.SerializeToString() for each in messages])
        return [each.message_id for each in messages]

    def create_subscription(self, config: Any) -> Any:
        check_name(config.name)
        self.topic(config.topic)
        if config.name in self.subscriptions:
            reason = "Subscription already exists"
            raise RefusedError(grpc.StatusCode.ALREADY_EXISTS, reason)
        config.ack_deadline_seconds = config.ack_deadline_seconds or DEFAULT_DEADLINE_S
        if not config.HasField("message_retention_duration"):
            config.message_retention_duration.FromSeconds(7 * 86_400)
        check_configuration(config)
        self._do("subscription", config.SerializeToString())
        return config

    def subscription(self, name: str) -> Subscription:
        if name not in self.subscriptions:
            raise not_found(name)
        return self.subscriptions[name]

    def pulled(self, name: str) -> Subscription:
        found = self.subscription(name)
        if found.config.push_config.push_endpoint:
            reason = "Pull is not allowed on a push subscription"
            raise RefusedError(grpc.StatusCode.FAILED_PRECONDITION, reason)
        return found

    def subscriptions_of(self, project: str) -> list[Any]:
        return [
            each.config
            for name, each in sorted(self.subscriptions.items())
            if name.startswith(f"{project}/")
        ]

    def update_subscription(self, wanted: Any, paths: Sequence[str]) -> Any:
        found = self.subscription(wanted.name).config
        if not paths or set(paths) & IMMUTABLE:
            raise invalid(f"Invalid update_mask provided: {', '.join(paths)}")
        changed = type(found)()
        changed.CopyFrom(found)
        for path in paths:
            value = getattr(wanted, path)
            if hasattr(value, "CopyFrom"):
                getattr(changed, path).CopyFrom(value)
            else:
                setattr(changed, path, value)
        check_configuration(changed)
        self._do("changed", changed.SerializeToString())
        return changed

    def delete_subscription(self, name: str) -> None:
        self.subscription(name)
        self._do("no subscription", name)

    def acknowledge(self, name: str, ack_ids: Sequence[str]) -> None:
        found = self.subscription(name).found(ack_ids)
        if found:
            self._do("acknowledged", name, [each.number for each in found])

    def modify(self, name: str, ack_ids: Sequence[str], seconds: int) -> None:
        if not 0 <= seconds <= 600:
            raise invalid(f"Invalid ack deadline: {seconds}")
        subscription = self.subscription(name)
        for message in subscription.found(ack_ids):
            if seconds:
                message.deadline = time.monotonic() + seconds
            else:
                subscription.give_back(message)

    def expire(self) -> None:
        now = time.monotonic()
        for subscription in self.subscriptions.values():
            for message in list(subscription.held.values()):
                if message.deadline < now:
                    subscription.give_back(message)

    def _do(self, *record: Any) -> None:
        self._log.write(pickle.dumps(record))
        self._apply(*record)

    def _apply(self, what: str, *of: Any) -> None:
        match what, of:
            case "topic", (content,):
                topic = types.Topic.pb().FromString(content)
                self.topics[topic.name] = topic
            case "no topic", (name,):
                del self.topics[name]
                for each in self.subscriptions.values():
                    if each.config.topic == name:
                        each.config.topic = "_deleted-topic_"
            case "subscription", (content,):
                config = types.Subscription.pb().FromString(content)
                self.subscriptions[config.name] = Subscription(config)
            case "changed", (content,):
                config = types.Subscription.pb().FromString(content)
                self.subscriptions[config.name].config = config
            case "no subscription", (name,):
                del self.subscriptions[name]
            case "publish", (topic, contents):
                self._spread(topic, contents)
            case "acknowledged", (name, numbers):
                self._forget(name, numbers)

    def _spread(self, topic: str, contents: Sequence[bytes]) -> None:
        found = [
            each for each in self.subscriptions.values() if each.config.topic == topic
        ]
        for content in contents:
            self._number += 1
            message = types.PubsubMessage.pb().FromString(content)
            for subscription in found:
                subscription.add(Message(self._number, message))

    def _forget(self, name: str, numbers: Sequence[int]) -> None:
        subscription, gone = self.subscriptions[name], set(numbers)
        if not gone <= subscription.held.keys():
            # After a restart nobody holds them.
            waiting = subscription.waiting
            subscription.waiting = deque(e for e in waiting if e.number not in gone)
        subscription.forget(numbers)


def _records(file: Path) -> Iterator[Any]:
    """Those that were written as a whole."""
    if file.exists():
        with file.open("rb") as log:
            while True:
                try:
                    yield pickle.load(log)
                except (EOFError, pickle.UnpicklingError):
                    return
