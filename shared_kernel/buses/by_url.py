"""The bus that `BUS_URL` names."""

from collections.abc import Sequence

from shared_kernel.adapters.settings import Settings
from shared_kernel.buses.feed import FeedBus, RemoteFeed
from shared_kernel.buses.in_process import InProcessBus
from shared_kernel.buses.port import BusMisconfiguredError, EventBus


def bus_by_url(
    settings: Settings, subjects: Sequence[str] = (), feeds: Sequence[RemoteFeed] = ()
) -> EventBus:
    """Connects to nothing yet.

    `subjects` are the patterns of all that is ever published, `feeds` those of the
    sources in other processes. Raises BusMisconfiguredError.
    """
    match settings.bus_url.partition(":")[0]:
        case "inprocess":
            return InProcessBus()
        case "feed":
            return FeedBus(feeds)
        case _:
            return _nats(settings, subjects)


def _nats(settings: Settings, subjects: Sequence[str]) -> EventBus:
    # Not everyone has the client: it is an extra.
    try:
        from shared_kernel.buses.nats_by_url import nats_bus  # noqa: PLC0415
    except ImportError as error:
        raise BusMisconfiguredError(
            f"BUS_URL {settings.bus_url.partition(':')[0]}: needs the extra `nats`: "
            "pip install 'storehouse[nats]'"
        ) from error
    return nats_bus(settings, subjects)
