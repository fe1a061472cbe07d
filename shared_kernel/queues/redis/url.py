"""The URL of a queue: `sql:`, or that of a Redis."""

from shared_kernel.buses.redis.address import ACCEPTED, RedisAddress


def queue_url(value: str) -> str:
    """Raises ValueError, which names the accepted values."""
    if value != "sql:":
        try:
            RedisAddress.of(value)
        except ValueError:
            raise ValueError(f"sql:, or {ACCEPTED}") from None
    return value
