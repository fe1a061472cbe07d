"""The URL of a queue: `sql:`, or that of a broker that hurries its messages."""

import re

from shared_kernel.buses.redis.address import ACCEPTED, RedisAddress

EXPECTED = f"sql:, or {ACCEPTED}, or jetstream://host[:port],…"
_NO_QUEUE = (
    f"{EXPECTED}; Kafka is no queue, since it cannot give one message to one of many "
    "workers and have it acknowledged alone: use it as BUS_URL, and sql: here"
)
_PATTERNS = {
    "jetstream": r"//[^/?#]+/?",
}


def queue_url(value: str) -> str:
    """Raises ValueError, which names the accepted values."""
    scheme, _, rest = value.partition(":")
    if scheme == "kafka":
        raise ValueError(_NO_QUEUE)
    if scheme in _PATTERNS:
        if not re.fullmatch(_PATTERNS[scheme], rest):
            raise ValueError(EXPECTED)
    elif value != "sql:":
        try:
            RedisAddress.of(value)
        except ValueError:
            raise ValueError(EXPECTED) from None
    return value
