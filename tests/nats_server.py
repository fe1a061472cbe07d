"""The real NATS server, on a port that stays the same through restarts.

`python -m tests.nats_server PORT FOLDER` serves until Ctrl-C.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.last_will import LastWill

TIMEOUT_S = 10.0
MAX_PAYLOAD = 8 * 1024 * 1024


def binary() -> str:
    """From beside the interpreter, where the environment has it, or from PATH."""
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    assert found is not None, "nats-server is in the test dependencies: make env"
    return found


class NatsServer:
    """`folder` holds its configuration, its log and JetStream's storage.

    `configuration` is added to its file: authorization, TLS.
    """

    def __init__(
        self, folder: Path, *, jetstream: bool = False, configuration: str = ""
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.storage = folder / "storage"
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self._will: LastWill | None = None
        self._file = folder / "nats.conf"
        store = f'jetstream {{ store_dir: "{self.storage}" }}\n' if jetstream else ""
        self._file.write_text(
            f"listen: 127.0.0.1:{self.port}\nmax_payload: {MAX_PAYLOAD}\n"
            f"write_deadline: 10s\n{store}{configuration}\n"
        )

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"nats://{self.address}"

    def start(self) -> None:
        """Return when it accepts connections."""
        with (self.folder / "nats.log").open("ab") as log:
            self._process = subprocess.Popen(
                [binary(), "-c", str(self._file)], stdout=log, stderr=log
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
        raise AssertionError((self.folder / "nats.log").read_text())

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
        """Delete JetStream's storage while the server is stopped."""
        assert self._process is None
        shutil.rmtree(self.storage, ignore_errors=True)

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


def main(port: str, folder: str) -> None:
    """Only what somebody should read is shown."""
    command = [binary(), "-a", "127.0.0.1", "-p", port, "-js", "-sd", folder]
    shown = ("WRN", "ERR", "FTL", "Listening for client")
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: server.terminate())
        assert server.stderr is not None
        for line in server.stderr:
            if any(each in line for each in shown):
                print(line, end="", file=sys.stderr, flush=True)
    sys.exit(server.returncode)


if __name__ == "__main__":
    main(*sys.argv[1:])
