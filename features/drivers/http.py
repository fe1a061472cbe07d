"""Runs scenarios over HTTP, on real processes that all scenarios share.

Each request goes to the process that runs its service. Each scenario has its own SKUs:
its number is appended to the names in its steps.
"""

import http.client
import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import attrs

from features.drivers.faulty import append
from features.drivers.port import Happened, Json, Refused, as_csv
from features.drivers.server import TIMEOUT_S, Server
from features.steps_support import run_flask
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.versions import NEWEST, subject_of
from shared_kernel.storage.database import Database
from tests.cluster import wait_until
from tests.routes import SOURCES, sources_of

PAGE = 1000


@attrs.frozen
class Answered:
    """A command and its response. `refused` is the slug of the problem, if any."""

    method: str
    path: str
    status: int
    refused: str | None


class HttpDriver:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._mark = f"~{next(server.scenarios)}~"
        self._connections: dict[int, http.client.HTTPConnection] = {}
        self._tokens: dict[str, int] = {}
        self.folder = server.folder
        self.answered: list[Answered] = []
        """The commands of the scenario, each with its response."""

    def environment_of(self, service: str) -> Mapping[str, str]:
        return self._server.environment_of(service)

    def register(
        self,
        sku: str,
        name: str,
        pieces: int = 0,
        *,
        description: str | None = None,
        price: tuple[int, str] | None = None,
    ) -> None:
        body = {"name": name, "sku": sku + self._mark, "stock_count": pieces}
        if description is not None:
            body["description"] = description
        if price is not None:
            body["price"] = _price(price)
        self.command("POST", "/products", body)

    def register_later(self, sku: str, name: str) -> str:
        body = {"sku": self.own(sku), "name": name, "stock_count": 0}
        later = {"Prefer": "respond-async", "Content-Type": "application/json"}
        return self._accepted("POST", "/products", json.dumps(body), later)

    def import_products(self, rows: Sequence[Mapping[str, str]], **options: str) -> str:
        own = [
            {
                name: self.own(cell) if name.lower() == "sku" else cell
                for name, cell in row.items()
            }
            for row in rows
        ]
        sent = {"Content-Type": "text/csv"}
        path = f"/products/imports?{urlencode(options)}"
        return self._accepted("POST", path, as_csv(own), sent)

    def cancel_import(self, import_id: str) -> None:
        self._accepted("DELETE", f"/products/imports/{import_id}", None, {})

    def ended_import(self, import_id: str) -> Json:
        path, found = f"/products/imports/{import_id}", dict[str, Any]()

        def has_ended() -> bool:
            found.update(self.read(path))
            return found["ended"] is not None

        wait_until(has_ended, "the import")
        self._catch_up()
        return found

    def rename(self, sku: str, name: str, seen: int | None = None) -> None:
        self.command("PUT", f"/products/{self._own(sku)}/name", {"name": name}, seen)

    def describe(self, sku: str, description: str | None) -> None:
        path = f"/products/{self._own(sku)}/description"
        self.command("PUT", path, {"description": description})

    def reprice(self, sku: str, price: tuple[int, str]) -> None:
        self.command("PUT", f"/products/{self._own(sku)}/price", _price(price))

    def discontinue(self, sku: str) -> None:
        self.command("POST", f"/products/{self._own(sku)}/discontinue")

    def relist(self, sku: str) -> None:
        self.command("POST", f"/products/{self._own(sku)}/relist")

    def open(self, sku: str, pieces: int) -> None:
        # Registering a product opens its stock, once.
        try:
            self.register(sku, sku, pieces)
        except Refused as refused:
            if refused.slug != "sku-already-registered":
                raise

    def retire(self, sku: str) -> None:
        self.discontinue(sku)
        self.level(sku)

    def reopen(self, sku: str) -> None:
        self.relist(sku)
        self.level(sku)

    def receive(
        self,
        sku: str,
        pieces: int,
        seen: int | None = None,
        *,
        reference: str | None = None,
    ) -> None:
        path = f"/stock/{self._own(sku)}/receipts"
        body = {"quantity": pieces, "reference": reference}
        self.command("POST", path, body, seen)

    def count(
        self, sku: str, pieces: int, reason: str, counted_by: str | None = None
    ) -> None:
        path = f"/stock/{self._own(sku)}/counts"
        body = {"on_hand": pieces, "reason": reason, "counted_by": counted_by}
        self.command("POST", path, body)

    def correct(self, sku: str, difference: int, reason: str) -> None:
        path = f"/stock/{self._own(sku)}/corrections"
        self.command("POST", path, {"difference": difference, "reason": reason})

    def reserve(
        self, sku: str, order: str, pieces: int, minutes: int | None = None
    ) -> None:
        body = {"quantity": pieces}
        if minutes is not None:
            body["hold_seconds"] = minutes * 60
        self.command("PUT", self._reservation(sku, order), body)

    def release(self, sku: str, order: str) -> None:
        self.command("DELETE", self._reservation(sku, order))

    def ship(self, sku: str, order: str, pieces: int | None = None) -> None:
        body = None if pieces is None else {"quantity": pieces}
        self.command("POST", self._reservation(sku, order) + "/shipment", body)

    def take_back(self, sku: str, order: str, pieces: int) -> None:
        path = self._reservation(sku, order) + "/returns"
        self.command("POST", path, {"quantity": pieces})

    def hold(self, sku: str, order: str) -> Json:
        found: Json = self.read(self._reservation(sku, order))
        return found

    def holds(self, sku: str) -> list[Json]:
        found: list[Json] = self.read(f"/stock/{self._own(sku)}/reservations")
        return found

    def set_reorder_point(self, sku: str, pieces: int) -> None:
        path = f"/stock/{self._own(sku)}/reorder-point"
        self.command("PUT", path, {"pieces": pieces})

    def listed(
        self, availability: str | None = None, sought: str | None = None
    ) -> list[Json]:
        path = f"/products?limit={PAGE}&q={quote(sought or self._mark)}"
        if availability is not None:
            path += f"&availability={availability}"
        return [
            product | {"code": product["code"].removesuffix(self._mark)}
            for product in self.read(path)
            if product["code"].endswith(self._mark)
        ]

    def everything(self) -> list[Json]:
        self._catch_up()
        found: list[Json] = []
        path: str | None = f"/products?limit={PAGE}"
        while path is not None:
            response, page = self._request("GET", path, None, self._token("GET", path))
            found += page
            link = response.headers["Link"]
            path = link.partition(">")[0].removeprefix("<") if link else None
        return found

    def _catch_up(self) -> None:
        """The command line and workers return no token: use the heads of the logs."""
        for source in SOURCES:
            for each in self.events(source, self._tokens.get(source, 0)):
                self._tokens[source] = each.position

    def product(self, sku: str) -> Json | None:
        try:
            found: Json = self.read(f"/products/{self._own(sku)}")
        except Refused:
            return None
        return found

    def product_version(self, sku: str) -> int:
        path = f"/products/{self._own(sku)}"
        response, _ = self._request("GET", path, None, self._token("GET", path))
        return int((response.headers["ETag"] or "").strip('"'))

    def level(self, sku: str) -> Json:
        found: Json = self.read(f"/stock/{self._own(sku)}")
        return found

    def movements(self, sku: str) -> list[Json]:
        found: list[Json] = self.read(f"/stock/{self._own(sku)}/movements")
        return found

    def events(self, source: str, after: int) -> list[Happened]:
        found: list[Happened] = []
        while batch := self._batch(source, after):
            after = batch[-1].position
            found += batch
        return found

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(minutes=self._server.passed_minutes)

    def let_pass(self, minutes: int) -> None:
        # Reservations expire in order: after this one, all earlier ones have expired.
        last = HttpDriver(self._server)
        last.open("LAST", 1)
        last.reserve("LAST", "A", 1, minutes)
        self._server.advance_clock(minutes)
        self._tokens["inventory"] = last.wait_for("stock.expired", "LAST")
        last.close()

    def wait_for(self, what: str, sku: str) -> int:
        """Wait for that event in inventory's log; return its position."""
        after, deadline = self._tokens["inventory"], time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            for each in self._batch("inventory", after, wait_s=1):
                after = each.position
                if (each.type, each.sku) == (what, sku):
                    return after
        raise AssertionError(f"no {what} of {sku}")

    def settle(self) -> None:
        self.read("/products?limit=1")

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()

    def publish_faulty(self, type_: str, sku: str, data: Json) -> None:
        url = self.environment_of("catalog-commands")["CATALOG_DATABASE_URL"]
        database = Database(url)
        log = EventLog(database, "catalog")
        append(log, type_, self.own(sku), data)
        self._tokens["catalog"] = log.head()
        database.close()
        self.settle()

    def letters(self, sku: str) -> list[Json]:
        self.settle()
        found = self.read(f"/dead-letters?key={self._own(sku)}")["letters"]
        return list(found)

    def repair(
        self, letter: str, how: str, body: Json, seen: int | None = None
    ) -> None:
        method = "PUT" if how == "data" else "POST"
        headers = {} if seen is None else {"If-Match": f'"{seen}"'}
        response, answer = self._request(
            method, f"/dead-letters/{letter}/{how}", body, headers
        )
        if response.status >= 400:
            raise self._refused(answer)

    def repairs(self, sku: str) -> list[Json]:
        environment = self.environment_of("catalog-queries")
        told = run_flask(environment, "dead-letters", "repairs", "--json")
        own = self.own(sku)
        made = map(json.loads, told.splitlines())
        return [each for each in made if each["event"]["key"] == own]

    def rehearse(self, letter: str) -> Json:
        rehearse = ("dead-letters", "rehearse", letter, "--json")
        said = run_flask(self.environment_of("catalog-queries"), *rehearse)
        return dict(json.loads(said))

    def rebuild_listing(self) -> None:
        run_flask(self.environment_of("catalog-queries"), "catalog", "rebuild-listing")

    def own(self, name: str) -> str:
        return name + self._mark

    def shown(self, name: str) -> str:
        return name.removesuffix(self._mark)

    def _own(self, sku: str) -> str:
        return quote(self.own(sku), safe="")

    def _reservation(self, sku: str, order: str) -> str:
        return f"/stock/{self._own(sku)}/reservations/{quote(order, safe='')}"

    def command(
        self, method: str, path: str, body: Json | None = None, seen: int | None = None
    ) -> None:
        headers = {} if seen is None else {"If-Match": f'"{seen}"'}
        headers |= self._token(method, path)
        response, answer = self._request(method, path, body, headers)
        refused = self._refused(answer) if response.status >= 400 else None
        slug = refused.slug if refused else None
        self.answered.append(Answered(method, path, response.status, slug))
        if refused is not None:
            raise refused
        token = response.headers["Consistency-Token"] or ""
        source, _, position = token.partition(":")
        self._tokens[source] = max(int(position), self._tokens.get(source, 0))

    def read(self, path: str) -> Any:
        token = self._token("GET", path)
        response, answer = self._request("GET", path, None, token)
        if response.status >= 400:
            raise self._refused(answer)
        return answer

    def _batch(self, source: str, after: int, wait_s: int = 0) -> list[Happened]:
        asked = f"after={after}&limit={PAGE}&wait={wait_s}&version={NEWEST}"
        return [
            Happened(
                each["position"],
                subject_of(each["type"]),
                each["subject"].removesuffix(self._mark),
                each["data"],
            )
            for each in self.read(f"/events/{source}?{asked}")
        ]

    def _refused(self, problem: Json) -> Refused:
        slug = problem["type"].rpartition("/")[2]
        details = dict(problem)
        for name, value in problem.items():
            if isinstance(value, str):
                details[name] = value.removesuffix(self._mark)
        if slug in ("invalid-value", "out-of-range"):
            (fault,) = details["errors"]
            slug = "invalid-value"
            details["field"] = fault["pointer"].rpartition("/")[2]
        return Refused(slug, details)

    def _token(self, method: str, path: str) -> dict[str, str]:
        known = sources_of(method, path)
        reached = {each: at for each, at in self._tokens.items() if each in known}
        token = ",".join(f"{source}:{at}" for source, at in reached.items())
        return {"Consistency-Token": token} if token else {}

    def _request(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[http.client.HTTPResponse, Any]:
        sent = dict(headers or {})
        if body is not None:
            sent["Content-Type"] = "application/json"
        return self._send(
            method, path, None if body is None else json.dumps(body), sent
        )

    def _accepted(
        self, method: str, path: str, data: str | None, headers: Mapping[str, str]
    ) -> str:
        response, answer = self._send(method, path, data, headers)
        if response.status >= 400:
            raise self._refused(answer)
        return str(answer["id"])

    def _send(
        self, method: str, path: str, data: str | None, sent: Mapping[str, str]
    ) -> tuple[http.client.HTTPResponse, Any]:
        connection = self._connection_to(self._server.port_for(method, path))
        connection.request(method, path, data, dict(sent))
        response = connection.getresponse()
        return response, json.loads(response.read() or b"null")

    def _connection_to(self, port: int) -> http.client.HTTPConnection:
        if port not in self._connections:
            self._connections[port] = http.client.HTTPConnection("127.0.0.1", port)
        return self._connections[port]


def _price(price: tuple[int, str]) -> Json:
    return {"minor_units": price[0], "currency": price[1]}
