"""The processes that all scenarios share."""

import itertools
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cluster import ONE, Cluster, Layout
from tests.databases import Templates
from tests.routes import service_for

PATIENCE_S = 20.0


class Server:
    """One Storehouse for the whole run, in one process or in several."""

    def __init__(
        self, clean: Templates, bus: str = "inprocess", layout: Layout = ONE
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
            command=(
                sys.executable,
                "-m",
                "features.drivers.serving",
                str(self._clock),
            ),
            # On a busy machine a reader gets more time than a shopper would.
            databases=clean.new(self.folder),
            settings={"CONSISTENCY_TIMEOUT_MS": str(int(PATIENCE_S * 1000))},
        )
        self._cluster.__enter__()

    def port_for(self, method: str, path: str) -> int:
        """Of the process that answers such a request."""
        return self._cluster.ports_of(service_for(method, path))[0]

    def environment_of(self, service: str) -> Mapping[str, str]:
        return self._cluster.environment_of(service)

    def put_clock_forward(self, minutes: int) -> None:
        self.passed_minutes += minutes
        # At once, so that nobody reads half a number.
        new = self._clock.with_suffix(".new")
        new.write_text(str(self.passed_minutes))
        new.replace(self._clock)

    def tails(self) -> str:
        """What the processes said last."""
        return self._cluster.tails()

    def close(self) -> None:
        try:
            self._cluster.close()
        finally:
            self._temporary.cleanup()
