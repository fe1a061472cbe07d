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
        case _:
            return _nats(settings, subjects, logs)


def _nats(
    settings: Settings,
    subjects: Sequence[str],
    logs: Callable[[], Mapping[str, str]],
) -> EventBus:
    # The client is an optional dependency.
    try:
        from shared_kernel.runtime.nats_by_url import nats_bus  # noqa: PLC0415
    except ImportError as error:
        raise BusMisconfiguredError(
            f"BUS_URL {settings.bus_url.partition(':')[0]}: needs the extra `nats`: "
            "pip install 'storehouse[nats]'"
        ) from error
    return nats_bus(settings, subjects, logs)
