"""SNS and SQS on loopback: moto's server in a process of its own.

The port stays the same through restarts. Everything is in memory: killed or stopped, it
forgets topics, queues and messages. `python -m tests.aws_server PORT FOLDER` serves
until Ctrl-C.
"""

import os
import signal
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.fork_server import Forked, fork_server
from tests.last_will import LastWill
from tests.ports import free_port

TIMEOUT_S = 10.0
REGION = "eu-west-1"
HOST = "127.0.0.1"


def environment(port: int) -> Mapping[str, str]:
    """With these variables boto3 and the AWS command line reach it."""
    return {
        "AWS_ENDPOINT_URL": f"http://{HOST}:{port}",
        "AWS_ACCESS_KEY_ID": "storehouse",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@cache
def session() -> Any:
    """One for all, since it reads descriptions of services for a long time."""
    import boto3

    return boto3.session.Session(
        aws_access_key_id="storehouse", aws_secret_access_key="secret"
    )


class AwsServer:
    """`folder` holds its log."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self._process: Forked | None = None
        self._will: LastWill | None = None

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        return environment(self.port)

    def clients(self) -> Any:
        """As those of the bus and the queue, in this process."""
        from shared_kernel.buses.aws.address import AwsAddress
        from shared_kernel.buses.aws.client import AwsClients

        address = AwsAddress(scheme="sns+sqs", region=REGION)
        return AwsClients(address, session(), self.endpoint)

    def start(self) -> None:
        """Return when it accepts connections."""
        program = ("tests.aws_server", str(self.port), str(self.folder))
        path = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        with (self.folder / "aws.log").open("ab") as log:
            # Importing moto takes a second of CPU time.
            self._process = fork_server("tests.aws_application").start(
                program, self.folder, path, log.fileno()
            )
        self._will = LastWill(f"kill -s KILL {self._process.pid}")
        deadline, pause = time.monotonic() + TIMEOUT_S, threading.Event()
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection((HOST, self.port), timeout=1).close()
            except OSError:
                pause.wait(0.01)
            else:
                return
        raise AssertionError((self.folder / "aws.log").read_text())

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Suspend it: connections stay open, but nothing is answered."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def delete_storage(self) -> None:
        """It has none: what is not in memory is gone already."""

    def wipe(self) -> None:
        """Forget all topics, queues and messages while it runs."""
        asked = urllib.request.Request(f"{self.endpoint}/moto-api/reset", method="POST")
        urllib.request.urlopen(asked, timeout=TIMEOUT_S).close()

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
            if self._process.poll() is None:
                os.kill(self._process.pid, how)
            self._process.wait(TIMEOUT_S)
            self._will.revoke()
            self._process = self._will = None


def main(port: str, folder: str) -> None:
    from tests.aws_application import serve

    Path(folder).mkdir(parents=True, exist_ok=True)
    serve(int(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
