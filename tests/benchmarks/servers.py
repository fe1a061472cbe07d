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

import attrs

from tests.databases import PostgresTemplates
from tests.postgres_server import PostgresServer

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CONNECTIONS = 16
THREADS = 64
SECONDS = 3
START_S = 20.0
# As a machine of some size is set up: its memory holds what is often read, and it is
# not at checkpoints all the time.
POSTGRES = {"shared_buffers": "1GB", "max_wal_size": "4GB"}

_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_FAILED = re.compile(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)")


@attrs.frozen
class Serving:
    port: int
    pid: int


def wrk() -> str:
    """Where wrk is; SystemExit if it is nowhere."""
    found = shutil.which("wrk")
    if found is None:
        sys.exit("make bench needs wrk as the load generator: apt-get install wrk")
    return found


def pinned(core: int | None, command: list[str]) -> list[str]:
    """The same core for both servers, another one for the load, if there are two."""
    if core is None or shutil.which("taskset") is None or (os.cpu_count() or 1) < 2:
        return command
    return ["taskset", "-c", str(core), *command]


@contextmanager
def storehouse() -> Iterator[int]:
    """A Storehouse with databases of its own; yields its port."""
    with _storehouse({}, core=0) as serving:
        yield serving.port


@contextmanager
def on_databases(settings: Mapping[str, str]) -> Iterator[Serving]:
    """A Storehouse on the databases in `settings`, and on any core."""
    with _storehouse(settings, core=None) as serving:
        yield serving


@contextmanager
def postgres(**settings: str) -> Iterator[PostgresTemplates]:
    """A server that flushes each commit, and clean databases of it."""
    with PostgresServer(durable=True, **POSTGRES, **settings) as server:
        templates = PostgresTemplates(server)
        templates.prepare()
        yield templates


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
def _storehouse(settings: Mapping[str, str], core: int | None) -> Iterator[Serving]:
    with TemporaryDirectory(prefix="storehouse-bench-") as folder:
        port = free_port()
        served = {"PORT": str(port), "THREADS": str(THREADS), "LOG_LEVEL": "ERROR"}
        command = [sys.executable, str(ROOT / "app.py")]
        with _running(command, port, folder, {**settings, **served}, core) as pid:
            yield Serving(port, pid)


@contextmanager
def _running(
    command: list[str],
    port: int,
    folder: str,
    settings: Mapping[str, str],
    core: int | None = 0,
) -> Iterator[int]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    process = subprocess.Popen(
        pinned(core, command), cwd=folder, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        _wait_for(port, process)
        yield process.pid
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
