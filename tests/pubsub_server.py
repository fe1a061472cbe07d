"""A Pub/Sub server: one of our own, or Google's emulator where that is installed.

`PubSubServer` keeps its port and, unless it is the emulator, its messages through
restarts. `python -m tests.pubsub_server PORT FOLDER` serves until Ctrl-C.
"""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from tests.fork_server import fork_server
from tests.last_will import LastWill
from tests.ports import free_port

TIMEOUT_S = 10.0
EMULATOR_TIMEOUT_S = 30.0
PROJECT = "storehouse"
PRELOADED = "tests.pubsub_service"
JARS = (
    "/usr/lib/google-cloud-sdk",
    "/usr/share/google-cloud-sdk",
    "/opt/google-cloud-sdk",
)
JAR = "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"


def emulator_jar() -> Path | None:
    """Google's emulator, if it and a Java are installed."""
    folders = [*JARS, str(Path(shutil.which("gcloud") or "/").resolve().parent.parent)]
    found = [jar for folder in folders for jar in Path(folder).glob(JAR)]
    return max(found) if found and shutil.which("java") else None


KINDS = ("ours", "emulator") if emulator_jar() else ("ours",)


class _Process(Protocol):
    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...


class PubSubServer:
    """`folder` holds its log and its messages. The emulator keeps nothing."""

    def __init__(self, folder: Path, kind: str = "ours") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.kind = kind
        self.port = free_port()
        self._process: _Process | None = None
        self._will: LastWill | None = None

    @property
    def host(self) -> str:
        """As PUBSUB_EMULATOR_HOST wants it."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Return when it answers."""
        with self._log.open("ab") as log:
            if self.kind == "emulator":
                self._process = subprocess.Popen(self._java(), stdout=log, stderr=log)
            else:
                self._process = fork_server(PRELOADED).start(
                    ["tests.pubsub_server", str(self.port), str(self.folder)],
                    Path.cwd(),
                    dict(os.environ),
                    log.fileno(),
                )
        self._will = LastWill(f"kill -s KILL {self._process.pid}")
        timeout_s = EMULATOR_TIMEOUT_S if self.kind == "emulator" else TIMEOUT_S
        deadline, pause = time.monotonic() + timeout_s, threading.Event()
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._answers():
                return
            pause.wait(0.01)
        raise AssertionError(self._log.read_text())

    def kill(self) -> None:
        if self._process is not None and self._will is not None:
            self._signal(signal.SIGKILL)
            self._process.wait(TIMEOUT_S)
            self._will.revoke()
            self._process = self._will = None

    def stop(self) -> None:
        """As a shutdown does: it says goodbye to its clients."""
        if self._process is not None:
            self._signal(signal.SIGTERM)
            self._process.wait(TIMEOUT_S)
        self.kill()

    def freeze(self) -> None:
        """Suspend it: connections stay open, but nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def delete_storage(self) -> None:
        _messages_in(self.folder).unlink(missing_ok=True)

    @property
    def _log(self) -> Path:
        return self.folder / "pubsub.log"

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    def _java(self) -> Sequence[str]:
        address = ["--host=127.0.0.1", f"--port={self.port}"]
        return ["java", "-Xmx256m", "-jar", str(emulator_jar()), *address]

    def _answers(self) -> bool:
        with closing(socket.socket()) as asking:
            return asking.connect_ex(("127.0.0.1", self.port)) == 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()


def _messages_in(folder: Path) -> Path:
    return folder / "messages"


async def _serve(port: str, folder: Path) -> None:
    from tests.pubsub_service import serve
    from tests.pubsub_state import Broker

    serving = asyncio.ensure_future(
        serve(Broker(_messages_in(folder)), f"127.0.0.1:{port}")
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, serving.cancel)
    with suppress(asyncio.CancelledError):
        await serving


def main(port: str, folder: str) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    asyncio.run(_serve(port, Path(folder)))


if __name__ == "__main__":
    main(*sys.argv[1:])
