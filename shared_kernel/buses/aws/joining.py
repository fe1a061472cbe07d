"""Which topics send to which queue. Declares both, and joins them."""

import json
from collections.abc import Sequence
from contextlib import suppress

from shared_kernel.buses.aws.client import FAULTS, AwsClients
from shared_kernel.buses.aws.names import Names
from shared_kernel.buses.aws.queues import Declared, Queue, declare
from shared_kernel.buses.aws.topics import link, made_topic, topics_that_begin
from shared_kernel.buses.envelope import HEARTBEAT
from shared_kernel.buses.port import Followed

BEATS_RETENTION_S = 60
"""The shortest that SQS allows."""


class Joining:
    """Each method may be called again: what is there stays, what is gone is remade.

    They raise BusMisconfiguredError, and the errors of boto3.
    """

    def __init__(self, names: Names, retention_s: int) -> None:
        self._names = names
        self._retention_s = retention_s

    def followed(self, clients: AwsClients, followed: Followed) -> Queue:
        """A subscription's queue gets what one topic sends."""
        topic = self._names.topic(followed.source, followed.log)
        name = self._names.queue(followed.group, followed.log)
        queue = self._declared(clients, name, topic)
        link(clients, made_topic(clients, topic), queue.arn)
        return queue

    def group(self, clients: AwsClients, group: str, pattern: str) -> Queue:
        """A group's queue gets what all topics send."""
        beginning = self._names.topics()
        name = self._names.group(group, pattern)
        queue = self._declared(clients, name, f"{beginning}*")
        for topic in topics_that_begin(clients, beginning):
            link(clients, topic, queue.arn)
        return queue

    def foreign(self, clients: AwsClients, subject: str) -> Queue:
        """The queue to which other programs send."""
        name = self._names.foreign(subject)
        return self._declared(clients, name, name)

    def sharing(self, clients: AwsClients, group: str, subject: str) -> Queue:
        """A group's queue for what other programs publish on a topic."""
        topic = self._names.foreign(subject)
        queue = self._declared(clients, self._names.sharing(group, subject), topic)
        link(clients, made_topic(clients, topic), queue.arn)
        return queue

    def beats(self, clients: AwsClients, group: str, pattern: str) -> Queue:
        """A queue for heartbeats alone: among them a filter makes no gaps."""
        beginning = self._names.topics(pattern.partition(".")[2])
        name = self._names.beats(group, pattern)
        queue = self._declared(clients, name, f"{beginning}*", BEATS_RETENTION_S)
        for topic in topics_that_begin(clients, beginning):
            link(clients, topic, queue.arn, of_type(pattern))
        return queue

    def new_topic(self, clients: AwsClients, topic: str, source: str) -> None:
        """Have it send to the queues that were there before it."""
        for queue in queues_that_begin(clients, self._names.groups):
            link(clients, topic, queue)
        beats = f"{HEARTBEAT}.{source}"
        for queue in queues_that_begin(clients, self._names.all_beats(beats)):
            link(clients, topic, queue, of_type(beats))

    def remove_beats(self, clients: AwsClients, queue: Queue, pattern: str) -> None:
        """Nobody else needs it. If that fails, an empty queue remains."""
        beginning = self._names.topics(pattern.partition(".")[2])
        with suppress(*FAULTS):
            clients.sqs.delete_queue(QueueUrl=queue.url)
            for topic in topics_that_begin(clients, beginning):
                pages = clients.sns.get_paginator(
                    "list_subscriptions_by_topic"
                ).paginate(TopicArn=topic)
                for each in [s for page in pages for s in page["Subscriptions"]]:
                    if each["Endpoint"] == queue.arn:
                        clients.sns.unsubscribe(SubscriptionArn=each["SubscriptionArn"])

    def _declared(
        self, clients: AwsClients, name: str, topics: str, retention_s: int = 0
    ) -> Queue:
        kept_s = retention_s or self._retention_s
        return declare(clients, Declared(name=name, retention_s=kept_s, topics=topics))


def queues_that_begin(clients: AwsClients, beginning: str) -> Sequence[str]:
    """The addresses (ARN) of all queues whose names begin so."""
    pages = clients.sqs.get_paginator("list_queues").paginate(QueueNamePrefix=beginning)
    found = []
    for url in [url for page in pages for url in page.get("QueueUrls", ())]:
        answer = clients.sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=["QueueArn"]
        )
        found.append(answer["Attributes"]["QueueArn"])
    return found


def of_type(type_: str) -> str:
    """A filter by the body of a message."""
    return json.dumps({"type": [type_]})
