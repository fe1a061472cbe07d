"""The server processes that all scenarios share."""

import itertools
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cluster import ONE, Cluster, Layout, wait_until
from tests.databases import Templates
from tests.routes import service_for

TIMEOUT_S = 20.0


class Server:
    """One Storehouse for the whole run, in one process or in several."""

    def __init__(
        self,
        clean: Templates,
        bus: str = "inprocess",
        layout: Layout = ONE,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._temporary = TemporaryDirectory(prefix="storehouse-features-")
        self.folder = Path(self._temporary.name)
        self._clock = self.folder / "passed"
        self._clock.write_text("0")
        self.passed_minutes = 0
        self.scenarios = itertools.count(1)
        self._cluster = Cluster(
            self.folder,
            layout,
            bus,
            program=("features.drivers.serving", str(self._clock)),
            # Longer than in production, for busy test machines.
            databases=clean.new(self.folder),
            settings={
                "CONSISTENCY_TIMEOUT_MS": str(int(TIMEOUT_S * 1000)),
                **(settings or {}),
            },
        )
        self._cluster.__enter__()
        for process in self._cluster.processes.values():
            # One that started first may have given up on another one for a moment.
            wait_until(partial(process.answers, "/readyz"), process.name)

    def port_for(self, method: str, path: str) -> int:
        """The port of the process that serves such a request."""
        return self._cluster.ports_of(service_for(method, path))[0]

    def environment_of(self, service: str) -> Mapping[str, str]:
        return self._cluster.environment_of(service)

    def advance_clock(self, minutes: int) -> None:
        self.passed_minutes += minutes
        # In one step, so that no process reads half a number.
        new = self._clock.with_suffix(".new")
        new.write_text(str(self.passed_minutes))
        new.replace(self._clock)

    def tails(self) -> str:
        """The last lines of the processes' logs."""
        return self._cluster.tails()

    def close(self) -> None:
        try:
            self._cluster.close()
        finally:
            self._temporary.cleanup()
