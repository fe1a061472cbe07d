"""Clients that send commands until they are stopped, and retry unanswered ones."""

import http.client
import json
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs

from tests import stock_life
from tests.cluster import wait_until
from tests.routes import service_for
from tests.stock_life import Expected

ANSWER_S = 10.0
NO_ANSWER = (OSError, http.client.HTTPException)
Deed = tuple[str, str, str]
"""What a log must contain: the type of an event, its SKU, its order."""
Request = tuple[str, str, Mapping[str, Any] | None]
DEEDS_OF_A_LIFE = 5
PortsOf = Callable[[str], Sequence[int]]
"""The current ports of the processes that run a service."""


@attrs.define(eq=False)
class Client:
    """Registers products, and gives each a life, with `pause_s` between commands.

    `pending` is the command without an answer; `lives` are what is acknowledged of the
    stock items that have none, by SKU.
    """

    number: int
    ports_of: PortsOf
    stop: threading.Event
    pause_s: float = 0.0
    acknowledged: list[Deed] = attrs.field(factory=list)
    pending: Deed | None = None
    lives: dict[str, Expected] = attrs.field(factory=dict)
    repeated: int = 0
    read: int = 0
    surprises: list[str] = attrs.field(factory=list)
    _asking: dict[int, http.client.HTTPConnection] = attrs.field(factory=dict)
    _chance: random.Random = attrs.field(init=False)

    @_chance.default
    def _own_chance(self) -> random.Random:
        return random.Random(self.number)

    def run(self) -> None:
        turn = 0
        while not self.stop.is_set():
            turn += 1
            self._one_product(f"SKU-{self.number}-{turn}")
        for connection in self._asking.values():
            connection.close()

    def _one_product(self, sku: str) -> None:
        """The life of a product. Each command waits for effects of the previous one."""
        token = self._do(
            "product.inserted",
            sku,
            ("POST", "/products", {"name": "Lamp", "sku": sku, "stock_count": 5}),
        )
        product, expected = f"/products/{sku}", Expected(on_hand=5)
        rename = ("PUT", f"{product}/name", {"name": "Light"})
        token = token and self._do("product.renamed", sku, rename, "", token)
        for deed in stock_life.deeds(sku, DEEDS_OF_A_LIFE, self._chance):
            request = (deed.method, f"/stock/{sku}/{deed.path}", deed.body)
            token = token and self._do(deed.event, sku, request, deed.order, token)
            if token is None:
                return
            stock_life.apply(deed, expected)
        self.lives[sku] = expected
        end = ("POST", f"{product}/discontinue", None)
        token = self._do("product.discontinued", sku, end, "", token)
        if token is not None and self._chance.random() < 0.2:
            self._look(sku, token)

    def _look(self, sku: str, token: str) -> None:
        """During a fault the listing may be behind, but never wrong."""
        asked = ("GET", f"/products/{sku}", None)
        answer = self._ask(asked, {"Consistency-Token": token})
        if answer is None or answer.status == 503:
            return
        shown = json.loads(answer.body)
        self.read += 1
        if (shown.get("name"), shown.get("status")) != ("Light", "discontinued"):
            self.surprises.append(f"{sku} is shown as {shown}")

    def _do(
        self,
        kind: str,
        sku: str,
        asked: Request,
        order: str = "",
        token: str | None = None,
    ) -> str | None:
        """Retry until answered; return the token, or None if the test ends first."""
        headers = {} if token is None else {"Consistency-Token": token}
        self.pending = (kind, sku, order)
        if asked[0] == "POST":
            # A client has one number for each command.
            headers["Idempotency-Key"] = f"{self.number}/{len(self.acknowledged)}"
        if asked[1].startswith("/products"):
            # The catalog's commands do not depend on inventory.
            headers.pop("Consistency-Token", None)
        while not self.stop.is_set():
            answer = self._ask(asked, headers)
            if answer is None or answer.status == 503:
                self.repeated += 1
                self.stop.wait(0.05)
                continue
            if answer.status in {200, 201}:
                self.acknowledged.append((kind, sku, order))
                self.pending = None
                self.stop.wait(self.pause_s)
                return _joined(token, answer.token)
            self.surprises.append(f"{asked}: {answer.status} {answer.body!r}")
            return None
        return None

    def _ask(self, asked: Request, headers: dict[str, str]) -> "Answer | None":
        """None if there was no response."""
        method, path, body = asked
        content = None if body is None else json.dumps(body)
        if content is not None:
            headers = headers | {"Content-Type": "application/json"}
        ports = self.ports_of(service_for(method, path))
        if not ports:
            return None
        port = self._chance.choice(list(ports))
        connection = self._asking.get(port)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
            self._asking[port] = connection
        try:
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            return Answer(
                answer.status, answer.read(), answer.headers["Consistency-Token"]
            )
        except NO_ANSWER:
            connection.close()
            del self._asking[port]
            return None


@attrs.frozen
class Answer:
    status: int
    body: bytes
    token: str | None


def _joined(one: str | None, other: str | None) -> str | None:
    """The newest position of each source."""
    newest: dict[str, int] = {}
    for part in ",".join(filter(None, (one, other))).split(","):
        source, _, position = part.partition(":")
        newest[source] = max(newest.get(source, 0), int(position))
    return ",".join(f"{source}:{position}" for source, position in newest.items())


@attrs.define(eq=False)
class Load:
    clients: Sequence[Client]

    @property
    def acknowledged(self) -> int:
        return sum(len(client.acknowledged) for client in self.clients)

    @property
    def repeated(self) -> int:
        return sum(client.repeated for client in self.clients)

    def more(self, answers: int) -> None:
        """Return after `answers` more responses."""
        enough = self.acknowledged + answers
        wait_until(lambda: self.acknowledged >= enough, f"{answers} more answers")


@contextmanager
def load(ports_of: PortsOf, clients: int = 4, pause_s: float = 0.05) -> Iterator[Load]:
    """Several clients run; all have stopped afterwards.

    With the pause there is always something in transit, and the machine has time for
    the processes that start: without it most commands were sent while tests waited.
    """
    stop = threading.Event()
    at_work = Load(
        [Client(number, ports_of, stop, pause_s) for number in range(clients)]
    )
    threads = [threading.Thread(target=client.run) for client in at_work.clients]
    for thread in threads:
        thread.start()
    try:
        yield at_work
    finally:
        stop.set()
        for thread in threads:
            thread.join(2 * ANSWER_S)
