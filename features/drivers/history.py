"""The observable history of a run, in a file that can be compared line by line.

Each line is one observation of a scenario: a command and its response, an event of
either log, a final row of the listing, a final stock level. Lines are in the order of
the observations. Whatever differs from run to run is normalised: times, ids, and the
mark of the scenario; positions are left out.

Effects that come after the end of a scenario, such as an expiry, are recorded at the
end of the run, when all reservations have expired.
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
        """Write all commands given through `driver`, and their effects."""
        shown = driver.everything()
        for each in driver.answered:
            path = unquote(each.path)
            response = [each.method, path, each.status, each.refused]
            self._write(scenario, "answered", response)
        mine = {source: self._new(source, driver) for source in SOURCES}
        for source in SOURCES:
            for event in mine[source]:
                fact = [event.type, event.sku, event.data]
                self._write(scenario, source, fact)
        skus = {event.data.get("sku") for source in SOURCES for event in mine[source]}
        self._write_all(scenario, "listed", (x for x in shown if x["code"] in skus))
        self._write_all(scenario, "stock", _levels(mine["inventory"]))
        self._file.flush()

    def close(self, server: Server) -> None:
        """Write the final state, after all reservations have expired."""
        driver = HttpDriver(server)
        driver.let_pass(24 * 60)
        self._write_all(END, "listed", driver.everything())
        events: dict[str, list[Happened]] = defaultdict(list)
        for event in driver.events("inventory", 0):
            events[event.data["sku"]].append(event)
        # By SKU: reservations of one moment may expire in any order.
        for of_one in events.values():
            self._write_all(END, "stock", _levels(of_one))
        driver.close()
        self._file.close()

    def _new(self, source: str, driver: HttpDriver) -> list[Happened]:
        new = driver.events(source, self._reached[source])
        if new:
            self._reached[source] = new[-1].position
        # Reservations of earlier scenarios may expire meanwhile.
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
    """The level of each stock item after its last event, in order of first events."""
    last = {event.sku: event.data for event in events}
    for sku, data in last.items():
        yield {"sku": sku} | {name: data[name] for name in _LEVEL}
