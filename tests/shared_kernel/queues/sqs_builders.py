"""Queues on an SQS of the test, and a program that knows nothing of ours."""

from collections.abc import Mapping
from typing import Any

import boto3

from shared_kernel.buses.aws.address import AwsAddress
from shared_kernel.clock import Clock
from shared_kernel.queues.redelivering import BrokerLink
from shared_kernel.queues.sqs.opening import open_link
from tests.aws_server import REGION, AwsServer


def a_link(clock: Clock, *, ack_wait_s: int = 30) -> BrokerLink:
    """The environment leads to the server, as for any program that uses boto3."""
    return open_link(
        AwsAddress.of(f"sqs://{REGION}", "sqs"),
        "work",
        max_age_s=3600,
        ack_wait_s=ack_wait_s,
        clock=clock,
        jitter=lambda: 1.0,
    )


class SqsPlace:
    """On a server to which the environment leads."""

    def __init__(self, server: AwsServer) -> None:
        self.server = server
        self.sqs: Any = boto3.client("sqs", region_name=REGION)

    def link(self, clock: Clock, *, ack_wait_s: int = 30) -> BrokerLink:
        return a_link(clock, ack_wait_s=ack_wait_s)

    def send(
        self,
        body: bytes,
        attributes: Mapping[str, str] | None = None,
        queue: str = "work",
    ) -> None:
        url = self.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        given = {
            name: {"StringValue": value, "DataType": "String"}
            for name, value in (attributes or {}).items()
        }
        self.sqs.send_message(
            QueueUrl=url, MessageBody=body.decode(), MessageAttributes=given
        )

    def wipe(self) -> None:
        self.server.wipe()
