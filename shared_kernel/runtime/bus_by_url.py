"""The bus that `BUS_URL` names."""

from collections.abc import Callable, Mapping, Sequence

from shared_kernel.buses.feed import FeedBus, RemoteFeed
from shared_kernel.buses.in_process import InProcessBus
from shared_kernel.buses.port import BusMisconfiguredError, EventBus
from shared_kernel.runtime.settings import Settings


def bus_by_url(
    settings: Settings,
    subjects: Sequence[str] = (),
    feeds: Sequence[RemoteFeed] = (),
    logs: Callable[[], Mapping[str, str]] = dict,
) -> EventBus:
    """Connects to nothing yet.

    `subjects` are patterns of all published subjects, `feeds` the feeds of sources in
    other processes. `logs` returns the identities of this process's logs, by source; it
    is called after they are created. Raises BusMisconfiguredError.
    """
    match settings.bus_url.partition(":")[0]:
        case "inprocess":
            return InProcessBus()
        case "feed":
            return FeedBus(feeds)
        case "redis" | "rediss":
            return _redis(settings)
        case "kafka":
            return _kafka(settings, subjects, logs)
        case "pubsub":
            return _pubsub(settings, subjects)
        case "sns+sqs":
            return _aws(settings, subjects, logs)
        case _:
            return _nats(settings, subjects, logs)


def _redis(settings: Settings) -> EventBus:
    # The client is an optional dependency.
    try:
        from shared_kernel.runtime.redis_by_url import redis_bus  # noqa: PLC0415
    except ImportError as error:
        raise _missing(settings, "redis") from error
    return redis_bus(settings)


def _kafka(
    settings: Settings,
    subjects: Sequence[str],
    logs: Callable[[], Mapping[str, str]],
) -> EventBus:
    # The client is an optional dependency.
    try:
        from shared_kernel.runtime.kafka_by_url import kafka_bus  # noqa: PLC0415
    except ImportError as error:
        raise _missing(settings, "kafka") from error
    return kafka_bus(settings, subjects, logs)


def _pubsub(settings: Settings, subjects: Sequence[str]) -> EventBus:
    # The client is an optional dependency.
    try:
        from shared_kernel.runtime.pubsub_by_url import pubsub_bus  # noqa: PLC0415
    except ImportError as error:
        raise _missing(settings, "google") from error
    return pubsub_bus(settings, subjects)


def _aws(
    settings: Settings,
    subjects: Sequence[str],
    logs: Callable[[], Mapping[str, str]],
) -> EventBus:
    # The client is an optional dependency.
    try:
        from shared_kernel.runtime.aws_by_url import aws_bus  # noqa: PLC0415
    except ImportError as error:
        raise _missing(settings, "aws") from error
    return aws_bus(settings, subjects, logs)


def _nats(
    settings: Settings,
    subjects: Sequence[str],
    logs: Callable[[], Mapping[str, str]],
) -> EventBus:
    # The client is an optional dependency.
    try:
        from shared_kernel.runtime.nats_by_url import nats_bus  # noqa: PLC0415
    except ImportError as error:
        raise _missing(settings, "nats") from error
    return nats_bus(settings, subjects, logs)


def _missing(settings: Settings, extra: str) -> BusMisconfiguredError:
    scheme = settings.bus_url.partition(":")[0]
    return BusMisconfiguredError(
        f"BUS_URL {scheme}: needs the extra `{extra}`: "
        f"pip install 'storehouse[{extra}]'"
    )
