"""A server, and clients of it that send byte by byte, through raw sockets."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attrs
import httpx

from tests.benchmarks.servers import free_port
from tests.storehouses import urls
from tests.web_clients import a_product

ROOT = Path(__file__).parents[3]
SLOW_CLIENTS = 100
THREADS = 8
SOON_S = 0.8
"""Far less than what the slow ones may take."""
DEADLINE_S = 20.0


@attrs.frozen
class Server:
    process: subprocess.Popen[bytes]
    port: int

    def get(self, path: str) -> httpx.Response:
        """A client with a short timeout."""
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=SOON_S)

    def register(self, sku: str) -> httpx.Response:
        url = f"http://127.0.0.1:{self.port}/products"
        return httpx.post(url, json=a_product(sku=sku), timeout=SOON_S)

    @contextmanager
    def clients_that_send(
        self, data: bytes, clients: int = SLOW_CLIENTS
    ) -> Iterator[list[socket.socket]]:
        with ExitStack() as open_ones:
            opened = []
            for _ in range(clients):
                client = socket.create_connection(("127.0.0.1", self.port), DEADLINE_S)
                opened.append(open_ones.enter_context(client))
                client.sendall(data)
            yield opened


@contextmanager
def a_server(folder: Path, body_timeout_s: int, **more: str) -> Iterator[Server]:
    port = free_port()
    settings = {
        "PORT": str(port),
        "THREADS": str(THREADS),
        "BODY_TIMEOUT_S": str(body_timeout_s),
        **{name.upper(): url for name, url in urls(folder).items()},
        **more,
    }
    with subprocess.Popen(
        [sys.executable, "app.py"], cwd=ROOT, env=settings, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(b"Storehouse serves on")
            yield Server(process, port)
        finally:
            process.kill()


def all_that_comes(client: socket.socket) -> bytes:
    """Until the server closes the connection."""
    came = b""
    while some := client.recv(65536):
        came += some
    return came
