"""The URL of a queue: `sql:`, or that of a broker that hurries its messages."""

import re

from shared_kernel.buses.aws.address import AwsAddress
from shared_kernel.buses.pubsub.address import PubSubAddress
from shared_kernel.buses.redis.address import ACCEPTED, RedisAddress

EXPECTED = (
    f"sql:, or {ACCEPTED}, or jetstream://host[:port],…, sqs://region such as "
    "sqs://eu-west-1, or pubsub://project"
)
_NO_QUEUE = (
    f"{EXPECTED}; Kafka is no queue, since it cannot give one message to one of many "
    "workers and have it acknowledged alone: use it as BUS_URL, and sql: here"
)


def queue_url(value: str) -> str:
    """Raises ValueError, which names the accepted values."""
    scheme, _, rest = value.partition(":")
    if scheme == "kafka":
        raise ValueError(_NO_QUEUE)
    try:
        match scheme:
            case "jetstream":
                if not re.fullmatch(r"//[^/?#]+/?", rest):
                    raise ValueError
            case "sqs":
                AwsAddress.of(value, "sqs")
            case "pubsub":
                PubSubAddress.of(value)
            case _ if value != "sql:":
                RedisAddress.of(value)
    except ValueError:
        raise ValueError(EXPECTED) from None
    return value
