"""Runs scenarios on the handlers: one process, no threads, a clock of its own."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import msgspec
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import Settings, assemble
from catalog.adapters.http_refusals import CATALOG_REFUSALS
from catalog.application import commands as catalog
from catalog.application import handlers as catalog_handlers
from catalog.domain.value_objects import (
    Description,
    OpeningStock,
    Price,
    ProductName,
)
from catalog.read_model import listing_queries
from features.drivers.faulty import append
from features.drivers.port import Happened, Json, Refused, as_csv
from inventory.adapters.http_bodies import level_to_body
from inventory.adapters.http_refusals import INVENTORY_REFUSALS
from inventory.adapters.repository import SqlStockItemRepository
from inventory.application import commands as inventory
from inventory.application import handlers as inventory_handlers
from inventory.domain.value_objects import (
    Count,
    CountedBy,
    DeliveryNote,
    Difference,
    OrderReference,
    Quantity,
    Reason,
    ReorderPoint,
)
from inventory.read_model import stock_movements
from shared_kernel.clock import system_clock
from shared_kernel.domain.errors import DomainError
from shared_kernel.domain.sku import Sku
from shared_kernel.events.versions import subject_of
from shared_kernel.operations.dead_letters_cli import dead_letters_group
from shared_kernel.operations.letter_documents import shown
from shared_kernel.runtime.running import RunningServices
from shared_kernel.serving.application import web_application
from tests.databases import Templates
from tests.queues import work_off
from tests.storehouses import run

_SLUGS = {
    "InvalidValue": "invalid-value",
    "StaleVersion": "stale-version",
    "PreconditionFailed": "precondition-failed",
} | {
    refusal.__name__: kind.slug
    for refusal, kind in (CATALOG_REFUSALS | INVENTORY_REFUSALS).items()
}
_EVERYTHING = 100_000
DEFAULT_MINUTES = 15


class HandlersDriver:
    def __init__(self, clean: Templates) -> None:
        self._clean = clean
        self._temporary = TemporaryDirectory(prefix="storehouse-features-")
        self.folder = Path(self._temporary.name)
        self._databases = clean.new(self.folder)
        self._environment = {
            **self._databases.environment,
            "SQLITE_SYNCHRONOUS": "NORMAL",
        }
        self._passed = timedelta()
        self._storehouse: RunningServices = assemble(
            Settings.from_environment(self._environment),
            clock=self.now,
        )

    def environment_of(self, service: str) -> Mapping[str, str]:
        return self._environment

    def register(
        self,
        sku: str,
        name: str,
        pieces: int = 0,
        *,
        description: str | None = None,
        price: tuple[int, str] | None = None,
    ) -> None:
        self._catalog(
            catalog_handlers.register_product,
            lambda: catalog.RegisterProduct(
                sku=Sku(sku),
                name=ProductName(name),
                description=Description(description) if description else None,
                price=Price(*price) if price else None,
                opening_stock=OpeningStock(pieces),
            ),
        )

    def register_later(self, sku: str, name: str) -> str:
        body = {"sku": sku, "name": name, "stock_count": 0}
        headers = {"Prefer": "respond-async"}
        answer = self._client.post("/products", json=body, headers=headers)
        return str(self._answered(answer)["id"])

    def import_products(self, rows: Sequence[Mapping[str, str]], **options: str) -> str:
        answer = self._client.post(
            "/products/imports",
            data=as_csv(rows),
            content_type="text/csv",
            query_string=options,
        )
        return str(self._answered(answer)["id"])

    def cancel_import(self, import_id: str) -> None:
        self.command("DELETE", f"/products/imports/{import_id}")

    def ended_import(self, import_id: str) -> Json:
        work_off(self._storehouse)
        found: Json = self.read(f"/products/imports/{import_id}")
        assert found["ended"] is not None, found
        return found

    def rename(self, sku: str, name: str, seen: int | None = None) -> None:
        self._catalog(
            catalog_handlers.rename_product,
            lambda: catalog.RenameProduct(
                sku=Sku(sku), name=ProductName(name), expected_version=seen
            ),
        )

    def describe(self, sku: str, description: str | None) -> None:
        text = None if description is None else Description(description)
        self._catalog(
            catalog_handlers.describe_product,
            lambda: catalog.DescribeProduct(sku=Sku(sku), description=text),
        )

    def reprice(self, sku: str, price: tuple[int, str]) -> None:
        self._catalog(
            catalog_handlers.reprice_product,
            lambda: catalog.RepriceProduct(sku=Sku(sku), price=Price(*price)),
        )

    def discontinue(self, sku: str) -> None:
        self._catalog(
            catalog_handlers.discontinue_product,
            lambda: catalog.DiscontinueProduct(sku=Sku(sku)),
        )

    def relist(self, sku: str) -> None:
        self._catalog(
            catalog_handlers.relist_product,
            lambda: catalog.RelistProduct(sku=Sku(sku)),
        )

    def open(self, sku: str, pieces: int) -> None:
        self._inventory(
            inventory_handlers.open_stock,
            lambda: inventory.OpenStock(sku=Sku(sku), on_hand=Count(pieces)),
        )

    def retire(self, sku: str) -> None:
        self._inventory(
            inventory_handlers.retire_stock, lambda: inventory.RetireStock(sku=Sku(sku))
        )

    def reopen(self, sku: str) -> None:
        self._inventory(
            inventory_handlers.reopen_stock, lambda: inventory.ReopenStock(sku=Sku(sku))
        )

    def receive(
        self,
        sku: str,
        pieces: int,
        seen: int | None = None,
        *,
        reference: str | None = None,
    ) -> None:
        self._inventory(
            inventory_handlers.receive_stock,
            lambda: inventory.ReceiveStock(
                sku=Sku(sku),
                quantity=Quantity(pieces),
                at=self.now(),
                reference=DeliveryNote(reference) if reference else None,
                expected_version=seen,
            ),
        )

    def count(
        self, sku: str, pieces: int, reason: str, counted_by: str | None = None
    ) -> None:
        self._inventory(
            inventory_handlers.count_stock,
            lambda: inventory.CountStock(
                sku=Sku(sku),
                counted=Count(pieces),
                reason=Reason(reason),
                at=self.now(),
                counted_by=CountedBy(counted_by) if counted_by else None,
            ),
        )

    def correct(self, sku: str, difference: int, reason: str) -> None:
        self._inventory(
            inventory_handlers.correct_stock,
            lambda: inventory.CorrectStock(
                sku=Sku(sku), difference=Difference(difference), reason=Reason(reason)
            ),
        )

    def reserve(
        self, sku: str, order: str, pieces: int, minutes: int | None = None
    ) -> None:
        now = self.now()
        until = now + timedelta(minutes=minutes or DEFAULT_MINUTES)
        self._inventory(
            inventory_handlers.reserve_stock,
            lambda: inventory.ReserveStock(
                sku=Sku(sku),
                order=OrderReference(order),
                quantity=Quantity(pieces),
                at=now,
                until=until,
                lengthens=minutes is not None,
            ),
        )

    def release(self, sku: str, order: str) -> None:
        self._inventory(
            inventory_handlers.release_stock,
            lambda: inventory.ReleaseStock(
                sku=Sku(sku), order=OrderReference(order), at=self.now()
            ),
        )

    def ship(self, sku: str, order: str, pieces: int | None = None) -> None:
        self._inventory(
            inventory_handlers.ship_stock,
            lambda: inventory.ShipStock(
                sku=Sku(sku),
                order=OrderReference(order),
                at=self.now(),
                quantity=None if pieces is None else Quantity(pieces),
            ),
        )

    def take_back(self, sku: str, order: str, pieces: int) -> None:
        self._inventory(
            inventory_handlers.take_back_stock,
            lambda: inventory.TakeBackStock(
                sku=Sku(sku), order=OrderReference(order), quantity=Quantity(pieces)
            ),
        )

    def hold(self, sku: str, order: str) -> Json:
        return dict(self.read(f"/stock/{sku}/reservations/{order}"))

    def holds(self, sku: str) -> list[Json]:
        return list(self.read(f"/stock/{sku}/reservations"))

    def set_reorder_point(self, sku: str, pieces: int) -> None:
        self._inventory(
            inventory_handlers.set_reorder_point,
            lambda: inventory.SetReorderPoint(
                sku=Sku(sku), reorder_point=ReorderPoint(pieces)
            ),
        )

    def listed(
        self, availability: str | None = None, sought: str | None = None
    ) -> list[Json]:
        with (
            self._storehouse.service("catalog-queries")
            .databases[0]
            .reading() as connection
        ):
            page = listing_queries.page(
                connection, 0, _EVERYTHING, availability, sought
            )
        return list(json.loads(page.body))

    def everything(self) -> list[Json]:
        self.settle()
        return self.listed()

    def product(self, sku: str) -> Json | None:
        with (
            self._storehouse.service("catalog-queries")
            .databases[0]
            .reading() as connection
        ):
            found = listing_queries.one(connection, sku)
        return json.loads(found.body) if found else None

    def product_version(self, sku: str) -> int:
        with (
            self._storehouse.service("catalog-queries")
            .databases[0]
            .reading() as connection
        ):
            found = listing_queries.one(connection, sku)
        assert found is not None
        return found.version

    def level(self, sku: str) -> Json:
        with self._storehouse.context("inventory").databases[0].reading() as connection:
            level = SqlStockItemRepository(connection).get(Sku(sku)).level
        return msgspec.structs.asdict(level_to_body(level))

    def movements(self, sku: str) -> list[Json]:
        with self._storehouse.context("inventory").databases[1].reading() as connection:
            page = stock_movements.page(connection, sku, 2**63 - 1, _EVERYTHING)
        return list(json.loads(page.body))

    def events(self, source: str, after: int) -> list[Happened]:
        logs = {feed.source: feed for feed in self._storehouse.feeds}
        return [
            Happened(
                each.position, subject_of(each.type), each.key, json.loads(each.data)
            )
            for each in logs[source].read(after, _EVERYTHING)
        ]

    def command(self, method: str, path: str, body: Json | None = None) -> None:
        self._answered(self._client.open(path, method=method, json=body))

    def read(self, path: str) -> Any:
        self.settle()
        return self._answered(self._client.get(path))

    def publish_faulty(self, type_: str, sku: str, data: Json) -> None:
        log = self._storehouse.context("catalog").log
        append(log, type_, sku, data)
        self._storehouse.runtime.on_commit()
        self.settle()

    def letters(self, sku: str) -> list[Json]:
        self.settle()
        kept = self._storehouse.service("catalog-queries").dead_letters["catalog_read"]
        return [
            json.loads(msgspec.json.encode(shown("catalog_read", each)))
            for each in kept.list()
            if each.envelope.key == sku
        ]

    def repair(
        self, letter: str, how: str, body: Json, seen: int | None = None
    ) -> None:
        answer = self._client.open(
            f"/dead-letters/{letter}/{how}",
            method="PUT" if how == "data" else "POST",
            json=body,
            headers={} if seen is None else {"If-Match": f'"{seen}"'},
        )
        self._answered(answer)

    def repairs(self, sku: str) -> list[Json]:
        group = dead_letters_group(self._storehouse.services)
        made = map(json.loads, run(group, "repairs", "--json").output.splitlines())
        return [each for each in made if each["event"]["key"] == sku]

    def rehearse(self, letter: str) -> Json:
        group = dead_letters_group(self._storehouse.services)
        return dict(json.loads(run(group, "rehearse", letter, "--json").stdout))

    def rebuild_listing(self) -> None:
        cli = self._storehouse.service("catalog-queries").cli
        assert run(cli, "rebuild-listing").exit_code == 0

    def own(self, name: str) -> str:
        return name

    def shown(self, name: str) -> str:
        return name

    def now(self) -> datetime:
        return system_clock() + self._passed

    def let_pass(self, minutes: int) -> None:
        self._passed += timedelta(minutes=minutes)
        self.settle()

    def settle(self) -> None:
        self._storehouse.workers.run_until_idle()

    def close(self) -> None:
        self._storehouse.stop()
        self._clean.drop(self._databases)
        self._temporary.cleanup()

    @property
    def _client(self) -> FlaskClient:
        return web_application(self._storehouse).test_client()

    def _answered(self, response: TestResponse) -> Any:
        self.settle()
        answer = response.get_json()
        if response.status_code >= 400:
            slug = answer["type"].rpartition("/")[2]
            if slug == "invalid-value" and len(answer.get("errors", ())) == 1:
                answer["field"] = answer["errors"][0]["pointer"].rpartition("/")[2]
            raise Refused(slug, answer)
        return answer

    def _catalog(self, handler: Any, command: Callable[[], object]) -> None:
        self._execute(self._storehouse.context("catalog").writer, handler, command)

    def _inventory(self, handler: Any, command: Callable[[], object]) -> None:
        self._execute(self._storehouse.context("inventory").writer, handler, command)

    def _execute(
        self, writer: Any, handler: Any, command: Callable[[], object]
    ) -> None:
        try:
            writer.execute(handler, command())
        except DomainError as refusal:
            slug = _SLUGS[type(refusal).__name__]
            details = attrs.asdict(refusal)
            if slug == "invalid-value":
                details["field"] = details["field"].rpartition(".")[2]
            raise Refused(slug, details) from refusal
        self.settle()
