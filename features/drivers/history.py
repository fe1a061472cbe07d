"""What an observer saw of a run, written so that two runs can be compared line by line.

A line is a fact of a scenario: an order and its answer, an event of either log, a
product as the listing shows it at the end, a stock item as inventory does. Lines stand
in the order of the facts. Nothing is in them that differs from run to run: no time, no
id, no position, no number of a scenario.

What is still to come when a scenario ends, such as the end of a reservation, is told at
the end of the run: there, all reservations are over.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from features.drivers.http import HttpDriver
from features.drivers.port import Happened, Json
from features.drivers.server import Server
from tests.routes import SOURCES

END = "the end of the run"

_LEVEL = ("on_hand", "reserved", "available", "availability", "version")
_OTHERS_MARK = re.compile(r"~\d+~$")
_NORMAL = (
    (re.compile(r"~\d+~"), ""),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)"), "a time"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "an id"),
)


class History:
    def __init__(self, file: Path) -> None:
        self._file = file.open("w", encoding="utf-8")
        self._reached = dict.fromkeys(SOURCES, 0)

    def add(self, scenario: str, driver: HttpDriver) -> None:
        """Everything that was ordered through `driver`, and what came of it."""
        shown = driver.everything()
        for each in driver.answered:
            path = unquote(each.path)
            said = [each.method, path, each.status, each.refused]
            self._write(scenario, "answered", said)
        mine = {source: self._new(source, driver) for source in SOURCES}
        for source in SOURCES:
            for event in mine[source]:
                said = [event.type, event.sku, event.data]
                self._write(scenario, source, said)
        skus = {event.data.get("sku") for source in SOURCES for event in mine[source]}
        self._write_all(scenario, "listed", (x for x in shown if x["code"] in skus))
        self._write_all(scenario, "stock", _levels(mine["inventory"]))
        self._file.flush()

    def close(self, server: Server) -> None:
        """Add how it all ends."""
        driver = HttpDriver(server)
        driver.let_pass(24 * 60)
        self._write_all(END, "listed", driver.everything())
        events: dict[str, list[Happened]] = defaultdict(list)
        for event in driver.events("inventory", 0):
            events[event.data["sku"]].append(event)
        # By SKU: what ends at the same time may end in any order.
        for of_one in events.values():
            self._write_all(END, "stock", _levels(of_one))
        driver.close()
        self._file.close()

    def _new(self, source: str, driver: HttpDriver) -> list[Happened]:
        new = driver.events(source, self._reached[source])
        if new:
            self._reached[source] = new[-1].position
        # What other scenarios left behind ends meanwhile.
        return [event for event in new if not _OTHERS_MARK.search(event.sku)]

    def _write_all(self, scenario: str, what: str, seen: Iterable[Json]) -> None:
        for each in seen:
            self._write(scenario, what, each)

    def _write(self, scenario: str, what: str, seen: Any) -> None:
        line = json.dumps({"scenario": scenario, what: seen}, ensure_ascii=False)
        for found, normal in _NORMAL:
            line = found.sub(normal, line)
        self._file.write(f"{line}\n")


def _levels(events: Iterable[Happened]) -> Iterable[Mapping[str, Any]]:
    """Of each stock item, as its last event tells; the first one that opened first."""
    last = {event.sku: event.data for event in events}
    for sku, data in last.items():
        yield {"sku": sku} | {name: data[name] for name in _LEVEL}
