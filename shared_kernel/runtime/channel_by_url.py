"""The channel to the broker that `QUEUE_URL` names. Each client is an extra."""

from collections.abc import Callable

from shared_kernel.buses.aws.address import AwsAddress
from shared_kernel.buses.port import BusMisconfiguredError
from shared_kernel.buses.pubsub.address import PubSubAddress
from shared_kernel.clock import Clock
from shared_kernel.queues.channel import Channel
from shared_kernel.queues.port import QueueMisconfiguredError
from shared_kernel.queues.received import ReceivedMessages
from shared_kernel.queues.redelivering import BrokerLink, RedeliveringChannel
from shared_kernel.queues.redis.channel import RedisChannel
from shared_kernel.queues.redis.link import open_link as open_redis
from shared_kernel.runtime.settings import Settings
from shared_kernel.storage.database import Database

KEPT = 2
"""A message is known for so many times as long as its broker keeps it."""
EXTRAS = {"jetstream": "nats", "sqs": "aws", "pubsub": "google"}


def channel_by_url(
    settings: Settings,
    name: str,
    database: Database,
    *,
    listed: str,
    unnamed: str,
    consumer: str,
    clock: Clock,
    jitter: Callable[[], float],
) -> Channel:
    """Connects to nothing yet. Raises QueueMisconfiguredError."""
    scheme = settings.queue_url.partition(":")[0]
    if scheme in ("redis", "rediss"):
        redis = open_redis(settings.queue_url, clock=clock, jitter=jitter)
        return RedisChannel(redis, listed, database, consumer=consumer, clock=clock)
    max_age_s = settings.queue_max_age_hours * 3600
    try:
        link = _LINKS[scheme](settings, listed, max_age_s)
    except ImportError as error:
        raise QueueMisconfiguredError(
            f"QUEUE_URL {scheme}: needs the extra `{EXTRAS[scheme]}`: "
            f"pip install 'storehouse[{EXTRAS[scheme]}]'"
        ) from error
    received = ReceivedMessages(database, name, KEPT * max_age_s, clock)
    return RedeliveringChannel(link, received, name=name, unnamed=unnamed)


def _jetstream(settings: Settings, listed: str, max_age_s: int) -> BrokerLink:
    from shared_kernel.queues.jetstream.opening import open_link  # noqa: PLC0415
    from shared_kernel.runtime.nats_by_url import options_of  # noqa: PLC0415

    try:
        options = options_of(settings, "QUEUE_URL")
    except BusMisconfiguredError as error:
        raise QueueMisconfiguredError(str(error)) from error
    return open_link(
        options, listed, replicas=settings.jetstream_replicas, max_age_s=max_age_s
    )


def _sqs(settings: Settings, listed: str, max_age_s: int) -> BrokerLink:
    from shared_kernel.queues.sqs.opening import open_link  # noqa: PLC0415

    return open_link(
        AwsAddress.of(settings.queue_url, "sqs"),
        listed,
        prefix=settings.bus_subject_prefix or "",
        max_age_s=max_age_s,
    )


def _pubsub(settings: Settings, listed: str, max_age_s: int) -> BrokerLink:
    from shared_kernel.queues.pubsub.opening import open_link  # noqa: PLC0415

    address = PubSubAddress.of(
        settings.queue_url, settings.pubsub_emulator_host, settings.pubsub_endpoint
    )
    prefix = settings.bus_subject_prefix or ""
    return open_link(address, listed, prefix=prefix, max_age_s=max_age_s)


_LINKS = {"jetstream": _jetstream, "sqs": _sqs, "pubsub": _pubsub}
