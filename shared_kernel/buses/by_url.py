"""The bus that `BUS_URL` names."""

from shared_kernel.buses.in_process import InProcessBus
from shared_kernel.buses.port import EventBus

SCHEMES = ("inprocess",)


def bus_by_url(url: str) -> EventBus:
    """Raises ValueError, naming the schemes there are."""
    scheme = url.partition(":")[0]
    if scheme == "inprocess":
        return InProcessBus()
    raise ValueError(
        f"no bus for {url!r}; known: {', '.join(s + ':' for s in SCHEMES)}"
    )
