"""The port between steps and Storehouse; each driver implements it."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import attrs

Json = Mapping[str, Any]


class Refused(Exception):
    """A command was refused: `slug` names the broken rule, `details` has its fields.

    For "invalid-value", `field` is the innermost name, such as "currency".
    """

    def __init__(self, slug: str, details: Json) -> None:
        super().__init__(f"{slug}: {dict(details)}")
        self.slug = slug
        self.details = details


@attrs.frozen
class Happened:
    """An event of a log."""

    position: int
    type: str
    sku: str
    data: Json


class Driver(Protocol):
    """Commands raise Refused. `seen` is the version that a command is based on."""

    folder: Path
    """For files that the command line writes."""

    def environment_of(self, service: str) -> Mapping[str, str]:
        """The environment variables for command-line commands of `service`."""

    def register(
        self,
        sku: str,
        name: str,
        pieces: int = 0,
        *,
        description: str | None = None,
        price: tuple[int, str] | None = None,
    ) -> None: ...
    def register_later(self, sku: str, name: str) -> str:
        """The id of the import."""

    def import_products(self, rows: Sequence[Mapping[str, str]], **options: str) -> str:
        """Send a file with those rows; return the id of the import."""

    def cancel_import(self, import_id: str) -> None: ...
    def ended_import(self, import_id: str) -> Json:
        """The import, once it has ended and all of it is visible."""

    def rename(self, sku: str, name: str, seen: int | None = None) -> None: ...
    def describe(self, sku: str, description: str | None) -> None: ...
    def reprice(self, sku: str, price: tuple[int, str]) -> None: ...
    def discontinue(self, sku: str) -> None: ...
    def relist(self, sku: str) -> None: ...

    def open(self, sku: str, pieces: int) -> None: ...
    def retire(self, sku: str) -> None: ...
    def reopen(self, sku: str) -> None: ...
    def receive(
        self,
        sku: str,
        pieces: int,
        seen: int | None = None,
        *,
        reference: str | None = None,
    ) -> None: ...
    def count(
        self, sku: str, pieces: int, reason: str, counted_by: str | None = None
    ) -> None: ...
    def correct(self, sku: str, difference: int, reason: str) -> None: ...
    def reserve(
        self, sku: str, order: str, pieces: int, minutes: int | None = None
    ) -> None:
        """For so many minutes, or else as long as the shop holds by default."""

    def release(self, sku: str, order: str) -> None: ...
    def ship(self, sku: str, order: str, pieces: int | None = None) -> None:
        """All that the order holds, unless `pieces` says how many."""

    def take_back(self, sku: str, order: str, pieces: int) -> None: ...
    def hold(self, sku: str, order: str) -> Json: ...
    def holds(self, sku: str) -> list[Json]: ...
    def set_reorder_point(self, sku: str, pieces: int) -> None: ...

    def listed(
        self, availability: str | None = None, sought: str | None = None
    ) -> list[Json]:
        """The scenario's products in the listing, in order, filtered."""

    def everything(self) -> list[Json]:
        """The products of all scenarios in the listing."""

    def product(self, sku: str) -> Json | None: ...
    def product_version(self, sku: str) -> int: ...
    def level(self, sku: str) -> Json: ...
    def movements(self, sku: str) -> list[Json]: ...
    def events(self, source: str, after: int) -> list[Happened]: ...
    def command(self, method: str, path: str, body: Json | None = None) -> None:
        """Send a command of any context over HTTP."""

    def read(self, path: str) -> Any:
        """Read once all earlier commands are visible. Raises Refused."""

    def publish_faulty(self, type_: str, sku: str, data: Json) -> None:
        """Put an event into the catalog's log that lacks fields; it has been read."""

    def letters(self, sku: str) -> list[Json]:
        """The dead letters of `sku`, and what is parked behind them."""

    def repair(
        self, letter: str, how: str, body: Json, seen: int | None = None
    ) -> None:
        """`how` is "replay", "discard", or "data" for other data."""

    def repairs(self, sku: str) -> list[Json]:
        """What was done with the dead letters of `sku`, the newest first."""

    def rehearse(self, letter: str) -> Json:
        """What a replay would do."""

    def rebuild_listing(self) -> None: ...

    def own(self, name: str) -> str:
        """The system's name for the thing that the scenario calls `name`."""

    def shown(self, name: str) -> str:
        """The scenario's name for the thing that the system calls `name`."""

    def now(self) -> datetime: ...
    def let_pass(self, minutes: int) -> None:
        """Advance the clock; return when all reservations due by then have expired."""

    def settle(self) -> None:
        """Return when all earlier commands are visible in all read models."""

    def close(self) -> None: ...


def as_csv(rows: Sequence[Mapping[str, str]]) -> str:
    """A file with those rows, which have the same columns."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
