"""How each bus carries events, in the words of AsyncAPI. Data only.

`{subscription}` in a binding stands for the name of the subscription that receives.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

Bindings = Mapping[str, Mapping[str, Any]]

NATS = "0.1.0"
HTTP = "0.3.0"
SNS, SQS = "0.1.0", "0.2.0"
GOOGLE = "0.2.0"
KAFKA = "0.5.0"
"""Versions of bindings: AsyncAPI 3.1.0 accepts no others."""


@attrs.frozen(kw_only=True)
class DescribedBus:
    """`scheme` is that of `BUS_URL`. Bindings are by protocol.

    A bus with `subjects` has a channel for each type of event, any other one a channel
    for each log, at `log_address`, event by event or in `batches`. With `accepts` other
    programs can send to it.
    """

    name: str
    scheme: str
    protocol: str
    port: int
    summary: str
    subjects: bool = True
    log_address: str = ""
    batches: bool = False
    accepts: bool = True
    channel: Bindings = attrs.field(factory=dict)
    message: Bindings = attrs.field(factory=dict)
    send: Bindings = attrs.field(factory=dict)
    receive: Bindings = attrs.field(factory=dict)


BUSES: Sequence[DescribedBus] = (
    DescribedBus(
        name="nats",
        scheme="nats",
        protocol="nats",
        port=4222,
        summary="Core NATS: at most once. A subject for each type of event, "
        "CloudEvents 1.0 in binary mode.",
        send={"nats": {"bindingVersion": NATS}},
        receive={"nats": {"bindingVersion": NATS, "queue": "{subscription}"}},
    ),
    DescribedBus(
        name="jetstream",
        scheme="jetstream",
        protocol="nats",
        port=4222,
        summary="NATS JetStream: at least once, from a stream over all subjects.",
        send={"nats": {"bindingVersion": NATS}},
        receive={
            "nats": {
                "bindingVersion": NATS,
                "queue": "{subscription}",
                "x-jetstream-consumer": "{subscription}",
            }
        },
    ),
    DescribedBus(
        name="redis",
        scheme="redis",
        protocol="redis",
        port=6379,
        summary="Redis Streams: a stream for each log, whose ids begin with positions. "
        "The payload is the field `data`, the attributes are fields such as `ce-type`.",
        subjects=False,
        log_address="storehouse.{source}.{log}",
    ),
    DescribedBus(
        name="kafka",
        scheme="kafka",
        protocol="kafka",
        port=9092,
        summary="Kafka: a topic for each log, whose messages have the SKU as key and "
        "CloudEvents 1.0 in binary mode: headers such as `ce_type`.",
        subjects=False,
        log_address="storehouse.log.{source}.{log}",
        channel={
            "kafka": {
                "bindingVersion": KAFKA,
                "partitions": 1,
                "topicConfiguration": {
                    "cleanup.policy": ["delete"],
                    "retention.ms": 7 * 24 * 3_600_000,
                },
            }
        },
        message={
            "kafka": {
                "bindingVersion": KAFKA,
                "key": {"type": "string", "description": "The SKU."},
            }
        },
        send={"kafka": {"bindingVersion": KAFKA}},
    ),
    DescribedBus(
        name="pubsub",
        scheme="pubsub",
        protocol="googlepubsub",
        port=443,
        summary="Google Cloud Pub/Sub: a topic for each log, at least once. The "
        "payload is the message, the attributes of CloudEvents are attributes such as "
        "`ce-type`.",
        subjects=False,
        log_address="storehouse.log.{source}.{log}",
        message={"googlepubsub": {"bindingVersion": GOOGLE, "orderingKey": "{log}"}},
    ),
    DescribedBus(
        name="aws",
        scheme="sns+sqs",
        protocol="sns",
        port=443,
        summary="SNS and SQS: a topic for each log, at least once, to a queue for each "
        "subscription. CloudEvents 1.0 in structured mode; no attributes.",
        subjects=False,
        log_address="storehouse-{source}-{log}",
        channel={"sns": {"bindingVersion": SNS, "name": "storehouse-{source}-{log}"}},
        receive={
            "sqs": {
                "bindingVersion": SQS,
                "queues": [
                    {"name": "storehouse-{subscription}-{log}", "fifoQueue": False}
                ],
            }
        },
    ),
    DescribedBus(
        name="feed",
        scheme="feed",
        protocol="http",
        port=8000,
        summary="The logs over HTTP, with long polls: no broker. Complete, in order, "
        "from any position, whatever the bus is.",
        subjects=False,
        log_address="/events/{source}",
        batches=True,
        accepts=False,
        send={
            "http": {
                "bindingVersion": HTTP,
                "method": "GET",
                "query": {
                    "type": "object",
                    "properties": {
                        "after": {"type": "integer", "minimum": 0},
                        "limit": {"type": "integer", "minimum": 0, "maximum": 1000},
                        "wait": {"type": "integer", "minimum": 0, "maximum": 30},
                    },
                },
            }
        },
    ),
)
