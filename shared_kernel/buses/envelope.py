"""A published event in transit, with the attributes of CloudEvents 1.0."""

from collections.abc import Sequence
from datetime import datetime

import attrs
import msgspec

from shared_kernel.clock import from_us

HEARTBEAT = "heartbeat"


@attrs.frozen
class Envelope:
    """One entry of a source's event log, as buses and feeds carry it.

    `source` is the log's name, `position` its place there (1, 2, 3, …),
    `key` the aggregate's identity: events of one key are applied in order. `time_us` is
    the moment it was recorded, in microseconds since 1970 (UTC). `traceparent` is W3C
    Trace Context, §3.2. `data` is the published event as JSON. `log` is the log's
    identity, `previous` the id of the event before it there, if known. On a bus it also
    names the `relay` that sends it, and has a `seal` over all of this
    (`shared_kernel.events.seal`).
    """

    position: int
    id: str
    source: str
    type: str
    key: str
    time_us: int
    traceparent: str | None
    data: bytes
    log: str = ""
    previous: str = ""
    relay: str = ""
    seal: str = ""

    def __str__(self) -> str:
        return f"{self.type} at position {self.position} of {self.source}"

    @property
    def time(self) -> datetime:
        return from_us(self.time_us)

    @property
    def is_heartbeat(self) -> bool:
        return self.type.startswith(HEARTBEAT)


def heartbeat(
    source: str,
    head: int,
    time_us: int,
    log: str = "",
    relays: Sequence[str] = (),
    previous: str = "",
) -> Envelope:
    """Announce that the log of `source` ends at `head`: a position, not an entry.

    If `log` is given, `previous` is the id of the event at `head`, and `relays` are the
    relays of that log, any of which may take over from another.
    """
    return Envelope(
        position=head,
        id=f"{HEARTBEAT}-{source}-{head}-{time_us}",
        source=source,
        type=f"{HEARTBEAT}.{source}",
        key="",
        time_us=time_us,
        traceparent=None,
        data=msgspec.json.encode({"relays": relays} if relays else {}),
        log=log,
        previous=previous,
    )
