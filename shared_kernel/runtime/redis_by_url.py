"""The bus on Redis Streams that `BUS_URL` names. Needs the extra `redis`."""

from shared_kernel.buses.port import BusMisconfiguredError, EventBus
from shared_kernel.buses.redis.address import RedisAddress
from shared_kernel.buses.redis.bus import RedisBus
from shared_kernel.buses.redis.connection import RedisConnection
from shared_kernel.buses.redis.names import Names
from shared_kernel.runtime.settings import Settings


def redis_bus(settings: Settings) -> EventBus:
    """Raises BusMisconfiguredError."""
    try:
        address = RedisAddress.of(settings.bus_url)
    except ValueError as error:
        raise BusMisconfiguredError(f"BUS_URL: expected {error}") from error
    return RedisBus(
        RedisConnection(address),
        Names(settings.bus_subject_prefix or ""),
        max_age_s=settings.redis_max_age_hours * 3600,
    )
