"""The real server under load, killed ten times without a word."""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.simulation.laws import Event, read_log, violations

ROOT = Path(__file__).parents[2]
CLIENTS = 6
KILLS = 10
SEED = 4711
PATIENCE_S = 30.0
NO_ANSWER = (OSError, http.client.HTTPException)


@attrs.define
class Server:
    """`python app.py` with a `var/` of its own; killed with all that belongs to it."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "app.py")],
                cwd=self.folder,
                env=os.environ | {"PORT": str(self.port), "LOG_LEVEL": "WARNING"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(PATIENCE_S)

    def answers(self) -> bool:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", self.port)) as asking:
                asking.request("GET", "/healthz")
                return asking.getresponse().status == 200
        except NO_ANSWER:
            return False


@attrs.define
class Client:
    """Registers, reserves, receives and ships; repeats what was not answered."""

    number: int
    port: int
    stop: threading.Event
    acknowledged: list[tuple[str, str, str]] = attrs.field(factory=list)
    repeated: int = 0
    surprises: list[str] = attrs.field(factory=list)
    _asking: http.client.HTTPConnection | None = None

    def run(self) -> None:
        turn = 0
        while not self.stop.is_set():
            turn += 1
            self._one_product(f"SKU-{self.number}-{turn}")
        if self._asking is not None:
            self._asking.close()

    def _one_product(self, sku: str) -> None:
        token = self._do(
            "product.inserted",
            sku,
            ("POST", "/products", {"name": "Lamp", "sku": sku, "stock_count": 5}),
        )
        for kind, order, request in (
            ("stock.reserved", "A", ("PUT", "reservations/A", {"quantity": 2})),
            ("stock.received", "", ("POST", "receipts", {"quantity": 3})),
            ("stock.shipped", "A", ("POST", "reservations/A/shipment", None)),
            ("stock.reserved", "B", ("PUT", "reservations/B", {"quantity": 6})),
        ):
            if token is None:
                return
            method, path, body = request
            asked = (method, f"/stock/{sku}/{path}", body)
            token = self._do(kind, sku, asked, order, token)

    def _do(
        self,
        kind: str,
        sku: str,
        asked: tuple[str, str, dict[str, Any] | None],
        order: str = "",
        token: str | None = None,
    ) -> str | None:
        """Ask until answered; the token, or None if the test is over before."""
        method, path, body = asked
        headers = {"Idempotency-Key": f"{kind}/{sku}/{order}"}
        if method != "POST":
            headers = {}
        content = None if body is None else json.dumps(body)
        if content is not None:
            headers["Content-Type"] = "application/json"
        if token is not None:
            headers["Consistency-Token"] = token
        while not self.stop.is_set():
            try:
                if self._asking is None:
                    self._asking = http.client.HTTPConnection(
                        "127.0.0.1", self.port, timeout=10
                    )
                self._asking.request(method, path, content, headers)
                answer = self._asking.getresponse()
                said = answer.read()
            except NO_ANSWER:
                self.repeated += 1
                if self._asking is not None:
                    self._asking.close()
                    self._asking = None
                self.stop.wait(0.05)
                continue
            if answer.status in {200, 201}:
                self.acknowledged.append((kind, sku, order))
                return answer.headers["Consistency-Token"]
            if answer.status != 503:
                self.surprises.append(f"{method} {path}: {answer.status} {said!r}")
                return None
        return None


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    pause = threading.Event()
    while not happened():
        assert time.monotonic() < deadline, f"{what} took too long"
        pause.wait(0.02)


def answers(clients: list[Client]) -> int:
    return sum(len(client.acknowledged) for client in clients)


def load(clients: list[Client], more: int) -> None:
    """Let them have so many more answers."""
    enough = answers(clients) + more
    wait_until(lambda: answers(clients) >= enough, "the load")


def times_recorded(log: list[Event]) -> Counter[tuple[str, str, str]]:
    """How often each deed of the clients stands in the log."""
    return Counter(
        (event.type, event.key, event.data.get("order", "")) for event in log
    )


@pytest.mark.server
def test_ten_kills_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    server = Server(tmp_path, free_port())
    stop = threading.Event()
    clients = [Client(number, server.port, stop) for number in range(CLIENTS)]

    server.start()
    wait_until(server.answers, "the start")
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    for _ in range(KILLS):
        load(clients, chance.randint(1, 150))
        server.kill()
        server.start()
        wait_until(server.answers, "the start after a kill")
    load(clients, 50)
    stop.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    var = tmp_path / "var"
    wait_until(lambda: violations(var) == [], "coming to rest")
    assert server.stop() == 0

    acknowledged = [deed for client in clients for deed in client.acknowledged]
    recorded = times_recorded(read_log(var, "catalog") + read_log(var, "inventory"))
    assert [surprise for client in clients for surprise in client.surprises] == []
    assert {deed: recorded[deed] for deed in acknowledged if recorded[deed] != 1} == {}
    # Not even what was not answered happened twice.
    asked = {"product.inserted", "stock.opened", "stock.reserved", "stock.received"}
    asked.add("stock.shipped")
    twice = {deed: times for deed, times in recorded.items() if times > 1}
    assert {deed: times for deed, times in twice.items() if deed[0] in asked} == {}
    assert violations(var) == []
    # The kills came in the middle of something.
    assert sum(client.repeated for client in clients) >= KILLS
