"""The server that all scenarios share."""

import itertools
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from features.drivers.databases import environment

ROOT = Path(__file__).parents[2]
PATIENCE_S = 20.0


class Server:
    """One server for the whole run."""

    def __init__(self) -> None:
        self._temporary = TemporaryDirectory(prefix="storehouse-features-")
        self.folder = Path(self._temporary.name)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._clock = self.folder / "passed"
        self._clock.write_text("0")
        self.passed_minutes = 0
        self.environment = environment(self.folder)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "features.drivers.serving", str(self._clock)],
            cwd=ROOT,
            env={
                **os.environ,
                **self.environment,
                "HOST": "127.0.0.1",
                "PORT": str(self.port),
                # On a busy machine a reader gets more time than a shopper would.
                "CONSISTENCY_TIMEOUT_MS": str(int(PATIENCE_S * 1000)),
            },
            stdout=subprocess.DEVNULL,
        )
        self.scenarios = itertools.count(1)
        self._wait()

    def put_clock_forward(self, minutes: int) -> None:
        self.passed_minutes += minutes
        # At once, so that nobody reads half a number.
        new = self._clock.with_suffix(".new")
        new.write_text(str(self.passed_minutes))
        new.replace(self._clock)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_S)
        self._temporary.cleanup()

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        pause = threading.Event()
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                pause.wait(0.05)
            else:
                return
        self.close()
        raise RuntimeError("the server does not answer")
