"""The brokers of bus and queues, as those who operate the shop see them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from shared_kernel.buses.broker import BrokerState
from shared_kernel.clock import rfc3339
from shared_kernel.operations.observation import ServiceState

BUS = "bus"
UNKNOWN = "unknown"

BROKER_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["kind", "address", "reachable", "since", "too_large"],
    "properties": {
        "kind": {
            "type": "string",
            "description": "The scheme of `BUS_URL` or `QUEUE_URL`.",
            "examples": ["redis"],
        },
        "address": {
            "type": "string",
            "description": "Without credentials; empty where there is no broker.",
            "examples": ["redis://127.0.0.1:6379/0"],
        },
        "reachable": {
            "type": ["boolean", "null"],
            "description": "Whether it answers this process now; null is unknown.",
        },
        "since": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": "Since when it has been reachable, or not.",
        },
        "too_large": {
            "type": "integer",
            "description": "How many events of this process it did not take for their "
            "size: they are read from the log.",
        },
    },
}


def brokers_of(states: Iterable[ServiceState]) -> Iterator[tuple[str, BrokerState]]:
    """What each broker is used for: `bus`, or the name of a queue.

    Of the bus as often as there are services, which may be in different processes.
    """
    for state in states:
        found = [(BUS, state.bus)]
        found += [(queue.name, queue.broker) for queue in state.queues]
        for use, broker in found:
            if broker is not None:
                yield use, broker


def away(states: Iterable[ServiceState]) -> list[str]:
    """A sentence for each that cannot be reached."""
    sentences = [
        f"{use}: {broker} cannot be reached"
        + (f" since {rfc3339(broker.since)}" if broker.since else "")
        for use, broker in brokers_of(states)
        if broker.reachable is False
    ]
    return list(dict.fromkeys(sentences))


def shown(states: Sequence[ServiceState]) -> list[tuple[str, str, str, str, str]]:
    """A row for each: its use, kind and address, whether it answers, since when."""
    words = {True: "yes", False: "no", None: UNKNOWN}
    rows = [
        (
            use,
            broker.kind,
            broker.address,
            words[broker.reachable],
            rfc3339(broker.since) if broker.since else "",
        )
        for use, broker in brokers_of(states)
    ]
    return list(dict.fromkeys(rows))
