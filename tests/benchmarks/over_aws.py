"""Events from end to end through SNS and SQS: our bus beside boto3 alone.

The same bodies, published in the same batches, then received and deleted by another
client. Ours are sealed and opened besides. Most of it is the work of moto, which stands
in for AWS.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from shared_kernel.buses.aws.bus import AwsBus
from shared_kernel.buses.aws.messages import body_of
from shared_kernel.buses.aws.names import Names
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import Delivery, Followed
from shared_kernel.events.seal import opens, sealed
from tests.aws_server import AwsServer
from tests.benchmarks.measuring import Result, compared, interleaved, per_second

EVENTS = 1000
BATCH, REQUEST = 100, 10
TIMEOUT_S = 60.0
KEY = "5e" * 32
LEAST_RATIO = 0.5


def through_aws(events: Sequence[Envelope]) -> Result:
    some = events[:EVENTS]
    with (
        TemporaryDirectory(prefix="storehouse-bench-") as folder,
        AwsServer(Path(folder)) as server,
    ):
        medians = interleaved(
            lambda: per_second(lambda: _ours(server, some)),
            lambda: per_second(lambda: _alone(server, some)),
        )
    return compared(
        "events through SNS and SQS (moto), end to end",
        "boto3 alone, PublishBatch, ReceiveMessage and DeleteMessageBatch",
        "events/s",
        medians,
        LEAST_RATIO,
    )


def _ours(server: AwsServer, events: Sequence[Envelope]) -> int:
    server.wipe()
    publisher, receiver = (AwsBus(server.clients(), Names()) for _ in range(2))
    seen, arrived = set[str](), threading.Event()

    def deliver(delivery: Delivery) -> None:
        if not all(opens(each, (KEY,)) for each in delivery.envelopes):
            raise RuntimeError("a seal does not open")
        seen.update(each.id for each in delivery.envelopes)
        delivery.acknowledge()
        if len(seen) == len(events):
            arrived.set()

    log = events[0].log
    followed = Followed(source="catalog", pattern="product.>", group="bench", log=log)
    receiver.follow(followed, deliver)
    for start in range(0, len(events), BATCH):
        batch = events[start : start + BATCH]
        publisher.publish(
            [sealed(each, KEY, previous=each.id, relay=KEY[:16]) for each in batch]
        )
    if not arrived.wait(TIMEOUT_S):
        raise RuntimeError("not all events have arrived")
    for bus in (publisher, receiver):
        bus.close()
    return len(events)


def _alone(server: AwsServer, events: Sequence[Envelope]) -> int:
    server.wipe()
    publisher, receiver = server.clients(), server.clients()
    topic = publisher.sns.create_topic(Name="bare")["TopicArn"]
    queue = receiver.sqs.create_queue(QueueName="bare")["QueueUrl"]
    found = receiver.sqs.get_queue_attributes(
        QueueUrl=queue, AttributeNames=["QueueArn"]
    )
    receiver.sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=found["Attributes"]["QueueArn"],
        Attributes={"RawMessageDelivery": "true"},
    )
    reading = threading.Thread(target=_read, args=(receiver.sqs, queue, len(events)))
    reading.start()
    for start in range(0, len(events), REQUEST):
        entries = [
            {"Id": str(number), "Message": body_of(each)}
            for number, each in enumerate(events[start : start + REQUEST])
        ]
        publisher.sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    reading.join(TIMEOUT_S)
    for clients in (publisher, receiver):
        clients.close()
    return len(events)


def _read(sqs: Any, queue: str, count: int) -> None:
    while count > 0:
        answer = sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=REQUEST, WaitTimeSeconds=1
        )
        messages = answer.get("Messages", [])
        if messages:
            entries = [
                {"Id": str(number), "ReceiptHandle": each["ReceiptHandle"]}
                for number, each in enumerate(messages)
            ]
            sqs.delete_message_batch(QueueUrl=queue, Entries=entries)
        count -= len(messages)
