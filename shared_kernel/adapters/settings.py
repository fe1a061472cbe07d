"""The configuration: environment variables, read once into one frozen class."""

from collections.abc import Callable, Mapping
from typing import Any

import attrs
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from shared_kernel.buses.by_url import SCHEMES

SERVICES = ("catalog-commands", "catalog-queries", "inventory")


class BadSettingError(Exception):
    """A variable's value is not accepted. The message names all three."""

    def __init__(self, variable: str, value: object, expected: str) -> None:
        super().__init__(f"{variable} is {value!r}; expected {expected}")
        self.variable = variable


def _text(value: str) -> str:
    return value


def _one_of(*accepted: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        for choice in accepted:
            if value.lower() == choice.lower():
                return choice
        raise ValueError(" or ".join(accepted))

    return read


def _between(least: int, most: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if value.strip().isdecimal() and least <= int(value) <= most:
            return int(value)
        raise ValueError(f"a whole number from {least} to {most}")

    return read


def _bus(value: str) -> str:
    if value.partition(":")[0] in SCHEMES:
        return value
    raise ValueError(", ".join(f"{scheme}:" for scheme in SCHEMES))


def _services(value: str) -> frozenset[str]:
    named = frozenset(name.strip() for name in value.split(",") if name.strip())
    if named == frozenset(SERVICES):
        return named
    raise ValueError(
        f"all of {','.join(SERVICES)}: BUS_URL inprocess: joins one process only"
    )


def _database(value: str) -> str:
    expected = "a SQLite URL with a file, such as sqlite:///var/catalog.db"
    try:
        url = make_url(value)
    except ArgumentError:
        raise ValueError(expected) from None
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        raise ValueError(expected)
    return value


def _peer(value: str) -> None:
    raise ValueError("nothing: this process runs all services, so it has no peer")


def setting(variable: str, default: Any, read: Callable[[str], Any]) -> Any:
    return attrs.field(default=default, metadata={"env": variable, "read": read})


@attrs.frozen(kw_only=True)
class Settings:
    """Every setting, with its unit in its name. `docs/running.md` explains each."""

    bus_url: str = setting("BUS_URL", "inprocess:", _bus)
    services: frozenset[str] = setting("SERVICES", frozenset(SERVICES), _services)
    catalog_database_url: str = setting(
        "CATALOG_DATABASE_URL", "sqlite:///var/catalog.db", _database
    )
    catalog_read_database_url: str = setting(
        "CATALOG_READ_DATABASE_URL", "sqlite:///var/catalog_read.db", _database
    )
    inventory_database_url: str = setting(
        "INVENTORY_DATABASE_URL", "sqlite:///var/inventory.db", _database
    )
    inventory_read_database_url: str = setting(
        "INVENTORY_READ_DATABASE_URL", "sqlite:///var/inventory_read.db", _database
    )
    catalog_url: str | None = setting("CATALOG_URL", None, _peer)
    inventory_url: str | None = setting("INVENTORY_URL", None, _peer)
    sqlite_synchronous: str = setting(
        "SQLITE_SYNCHRONOUS", "FULL", _one_of("FULL", "NORMAL")
    )
    host: str = setting("HOST", "127.0.0.1", _text)
    port: int = setting("PORT", 8000, _between(1, 65535))
    threads: int = setting("THREADS", 64, _between(1, 256))
    consistency_timeout_ms: int = setting(
        "CONSISTENCY_TIMEOUT_MS", 2000, _between(0, 60_000)
    )
    reservation_minutes: int = setting("RESERVATION_MINUTES", 15, _between(1, 525_600))
    log_level: str = setting(
        "LOG_LEVEL", "INFO", _one_of("DEBUG", "INFO", "WARNING", "ERROR")
    )
    log_format: str = setting("LOG_FORMAT", "console", _one_of("console", "json"))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Empty counts as unset. Raises BadSettingError."""
        given: dict[str, Any] = {}
        for field in attrs.fields(cls):
            variable = field.metadata["env"]
            value = environment.get(variable, "")
            if value:
                try:
                    given[field.name] = field.metadata["read"](value)
                except ValueError as error:
                    raise BadSettingError(variable, value, str(error)) from None
        settings = cls(**given)
        settings._refuse_shared_files()
        return settings

    def _refuse_shared_files(self) -> None:
        """One database per owner (law 6)."""
        owners: dict[str, str] = {}
        for field in attrs.fields(type(self)):
            if field.name.endswith("_database_url"):
                variable, url = field.metadata["env"], getattr(self, field.name)
                file = str(make_url(url).database)
                if file in owners:
                    raise BadSettingError(
                        variable, url, f"another file than {owners[file]} has"
                    )
                owners[file] = variable
