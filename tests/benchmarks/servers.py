"""Storehouse and the reference as processes, and wrk as the load."""

import http.client
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CONNECTIONS = 16
THREADS = 64
SECONDS = 3
START_S = 20.0

_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_FAILED = re.compile(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)")


def wrk() -> str:
    """Where wrk is; SystemExit if it is nowhere."""
    found = shutil.which("wrk")
    if found is None:
        sys.exit("make bench needs wrk as the load generator: apt-get install wrk")
    return found


def pinned(core: int, command: list[str]) -> list[str]:
    """The same core for both servers, another one for the load, if there are two."""
    if shutil.which("taskset") is None or (os.cpu_count() or 1) < 2:
        return command
    return ["taskset", "-c", str(core), *command]


@contextmanager
def storehouse() -> Iterator[int]:
    """A Storehouse with databases of its own; yields its port."""
    with TemporaryDirectory(prefix="storehouse-bench-") as folder:
        port = free_port()
        settings = {"PORT": str(port), "THREADS": str(THREADS), "LOG_LEVEL": "ERROR"}
        command = [sys.executable, str(ROOT / "app.py")]
        with _running(command, port, folder, settings):
            yield port


@contextmanager
def bare() -> Iterator[int]:
    """Bare Flask on the same server; yields its port."""
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.bare_app"]
    with _running([*command, str(port), str(THREADS)], port, str(ROOT), {}):
        yield port


def load(
    port: int,
    path: str,
    *,
    script: str | None = None,
    seconds: int = SECONDS,
    connections: int = CONNECTIONS,
    arguments: tuple[str, ...] = (),
) -> float:
    """Requests a second; RuntimeError if one of them failed."""
    command = [wrk(), "-t1", f"-c{connections}", f"-d{seconds}"]
    if script is not None:
        command += ["-s", str(HERE / script)]
    command += [f"http://127.0.0.1:{port}{path}", "--", *arguments]
    done = subprocess.run(
        pinned(1, command), capture_output=True, text=True, check=True
    )
    if failed := _FAILED.search(done.stdout):
        raise RuntimeError(f"{path}: {failed[0]}")
    rate = _RATE.search(done.stdout)
    if rate is None:
        raise RuntimeError(f"wrk said: {done.stdout}")
    return float(rate[1])


def request(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[http.client.HTTPResponse, bytes]:
    connection.request(method, path, body, dict(headers or {}))
    response = connection.getresponse()
    return response, response.read()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(
    command: list[str], port: int, folder: str, settings: Mapping[str, str]
) -> Iterator[None]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    process = subprocess.Popen(
        pinned(0, command), cwd=folder, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        _wait_for(port, process)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    pause = threading.Event()
    waited_s = 0.0
    while waited_s < START_S and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            pause.wait(0.05)
            waited_s += 0.05
        else:
            return
    raise RuntimeError(f"nothing answers on port {port}")
