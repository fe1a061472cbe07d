"""What must be true after faults: each command once, read models equal to the logs."""

import re
import threading
import time
import urllib.request
from collections import Counter

import attrs

from shared_kernel.events.versions import subject_of
from tests.cluster import Cluster
from tests.databases import Databases
from tests.faults.load import Load
from tests.simulation.laws import Stock, read_log, stock_items, violations
from tests.stock_life import Expected

SUMMARY = "summary"
"""The property of a test that is printed below all results."""
REST_S = 5.0
"""Everything must be applied within this time after the end of the faults."""
STOP_LOOKING_S = 30.0
ONCE = {
    "product.inserted",
    "product.renamed",
    "product.discontinued",
    "stock.opened",
    "stock.retired",
}
DEEDS = ONCE | {
    "stock.reserved",
    "stock.reservation_changed",
    "stock.released",
    "stock.received",
    "stock.counted",
    "stock.corrected",
    "stock.shipped",
    "stock.returned",
}
_COUNTER = re.compile(
    r"^storehouse_subscription_(gaps_healed|duplicates_dropped)_total\{.*\} (\S+)$",
    re.MULTILINE,
)


@attrs.define
class Tally:
    """What happened in one test, for its output."""

    faults: Counter[str] = attrs.field(factory=Counter)
    counted: Counter[str] = attrs.field(factory=Counter)
    rest_s: float = 0.0

    def count(self, cluster: Cluster, name: str | None = None) -> None:
        """Add the counts of the processes; those of a killed one are lost."""
        for process in cluster.processes.values():
            if name in (None, process.name) and process.runs:
                for counter, value in counters(process.port).items():
                    self.counted[counter] += value

    def summary(self, title: str, load: Load, databases: Databases) -> str:
        sources = ("catalog", "inventory")
        events = sum(len(read_log(databases, source)) for source in sources)
        faults = ", ".join(f"{name} {times}" for name, times in self.faults.items())
        return (
            f"{title}: {load.acknowledged} commands acknowledged, "
            f"{load.repeated} attempts repeated, {sum(self.faults.values())} faults "
            f"({faults}), {events} events, {self.counted['gaps_healed']} gaps healed, "
            f"{self.counted['duplicates_dropped']} duplicates dropped, "
            f"at rest after {self.rest_s:.1f} s"
        )


def counters(port: int) -> dict[str, int]:
    """The counts of a process; empty if it does not answer."""
    found: Counter[str] = Counter()
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}/metrics", timeout=5
        ) as answer:
            text = answer.read().decode()
    except OSError:
        return found
    for name, value in _COUNTER.findall(text):
        found[name] += int(float(value))
    return found


def come_to_rest(databases: Databases, tally: Tally, begun: float) -> None:
    """Measure from `begun`, the end of the faults, until all work is done."""
    pause = threading.Event()
    while left := violations(databases):
        tally.rest_s = time.monotonic() - begun
        assert tally.rest_s < STOP_LOOKING_S, left
        pause.wait(0.05)
    tally.rest_s = time.monotonic() - begun


def check(databases: Databases, load: Load, tally: Tally) -> None:
    """Nothing is lost, nothing is done twice, and all is applied soon."""
    logs = {source: read_log(databases, source) for source in ("catalog", "inventory")}
    recorded = Counter(
        (subject_of(event.type), event.key, event.data.get("order", ""))
        for log in logs.values()
        for event in log
    )
    acknowledged = Counter(
        deed for client in load.clients for deed in client.acknowledged
    )
    pending = Counter(client.pending for client in load.clients)
    surprises = [each for client in load.clients for each in client.surprises]
    lost = {
        deed: (times, recorded[deed])
        for deed, times in acknowledged.items()
        if recorded[deed] < times
    }
    twice = {
        deed: times
        for deed, times in recorded.items()
        if deed[0] in DEEDS
        and times > max(acknowledged[deed] + pending[deed], deed[0] in ONCE)
    }
    assert surprises == []
    assert lost == {}
    assert twice == {}
    assert _wrong_lives(stock_items(logs["inventory"]), load) == {}
    assert violations(databases) == []
    assert tally.rest_s <= REST_S


def _wrong_lives(stock: dict[str, Stock], load: Load) -> dict[str, object]:
    """Stock items that are not as their clients know them."""
    return {
        sku: (expected, stock[sku])
        for client in load.clients
        for sku, expected in client.lives.items()
        if expected
        != Expected(
            on_hand=stock[sku].on_hand,
            reserved=stock[sku].reservations,
            shipped=stock[sku].shipments,
            returned=stock[sku].returned,
        )
    }
