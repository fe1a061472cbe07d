"""The configuration: environment variables, read once into one frozen class."""

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

CATALOG_COMMANDS = "catalog-commands"
CATALOG_QUERIES = "catalog-queries"
INVENTORY = "inventory"
SERVICES = (CATALOG_COMMANDS, CATALOG_QUERIES, INVENTORY)
SCHEMES = ("inprocess", "feed", "nats", "jetstream")

_SECRET = re.compile(r"(?<=//)[^/@]*(?=@)|(?<=[?&]password=)[^&]*")


class BadSettingError(Exception):
    """A variable's value is not accepted. The message names all three."""

    def __init__(self, variable: str, value: object, expected: str) -> None:
        found = "not set" if value is None else repr(_SECRET.sub("…", str(value)))
        super().__init__(f"{variable} is {found}; expected {expected}")
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
    scheme, _, rest = value.partition(":")
    if scheme in ("inprocess", "feed") and not rest:
        return value
    if scheme in ("nats", "jetstream") and rest.startswith("//") and len(rest) > 2:
        return value
    raise ValueError("inprocess:, feed:, nats://host or jetstream://host")


def _subject(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", value):
        return value
    raise ValueError("words of letters, digits, _ and -, separated by dots")


def _word(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_-]{1,32}", value):
        return value
    raise ValueError("1 to 32 letters, digits, _ and -")


def _file(value: str) -> str:
    if Path(value).is_file():
        return value
    raise ValueError("a file that is there")


def _names(value: str) -> tuple[str, ...]:
    try:
        names = tuple(_name(each.strip()) for each in value.split(",") if each.strip())
    except ValueError:
        names = ()
    if names:
        return names
    raise ValueError("names without ports, such as shop.example,.shop.example, or *")


def _name(value: str) -> str:
    """Of a host: what stands in front of the port. Raises ValueError."""
    if ":" in value:
        return str(IPv6Address(value.removeprefix("[").removesuffix("]")))
    if re.fullmatch(r"\*|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", value):
        return value.lower()
    raise ValueError(value)


def _services(value: str) -> frozenset[str]:
    named = frozenset(name.strip() for name in value.split(",") if name.strip())
    if named and named <= frozenset(SERVICES):
        return named
    raise ValueError(f"some of {','.join(SERVICES)}")


def read_database_url(value: str) -> str:
    """Raises ValueError, which says what is accepted."""
    expected = (
        "a SQLite URL with a file, such as sqlite:///var/catalog.db, or a PostgreSQL "
        "URL with a database, such as postgresql://user:password@host/catalog or "
        "postgresql://host/storehouse?schema=catalog"
    )
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise ValueError(expected) from None
    schema = url.query.get("schema", "public")
    accepted = {
        "sqlite": url.database not in (None, "", ":memory:"),
        "postgresql": bool(url.database)
        and url.get_driver_name() == "psycopg"
        and isinstance(schema, str)
        and re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema) is not None,
    }
    if not accepted.get(url.get_backend_name()):
        raise ValueError(expected)
    return value


def _peer(value: str) -> str:
    expected = "the address of the other process, such as http://127.0.0.1:8001"
    try:
        url = urlsplit(value)
        known = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:
        raise ValueError(expected) from None
    if not known or url.query or url.fragment:
        raise ValueError(expected)
    return value.rstrip("/")


def setting(
    variable: str, default: Any, read: Callable[[str], Any], *, secret: bool = False
) -> Any:
    """`secret` values are shown nowhere."""
    return attrs.field(
        default=default, metadata={"env": variable, "read": read}, repr=not secret
    )


@attrs.frozen(kw_only=True)
class Settings:
    """Every setting, with its unit in its name. `docs/running.md` explains each."""

    bus_url: str = setting("BUS_URL", "inprocess:", _bus, secret=True)
    bus_subject_prefix: str | None = setting("BUS_SUBJECT_PREFIX", None, _subject)
    peer_token: str | None = setting("PEER_TOKEN", None, _text, secret=True)
    nats_token: str | None = setting("NATS_TOKEN", None, _text, secret=True)
    nats_credentials: str | None = setting("NATS_CREDENTIALS", None, _file)
    nats_tls_ca: str | None = setting("NATS_TLS_CA", None, _file)
    nats_tls_certificate: str | None = setting("NATS_TLS_CERTIFICATE", None, _file)
    nats_tls_key: str | None = setting("NATS_TLS_KEY", None, _file)
    jetstream_stream: str = setting("JETSTREAM_STREAM", "storehouse", _word)
    jetstream_replicas: int = setting("JETSTREAM_REPLICAS", 1, _between(1, 5))
    jetstream_duplicate_window_s: int = setting(
        "JETSTREAM_DUPLICATE_WINDOW_S", 120, _between(1, 86_400)
    )
    jetstream_max_age_hours: int = setting(
        "JETSTREAM_MAX_AGE_HOURS", 168, _between(1, 87_600)
    )
    services: frozenset[str] = setting("SERVICES", frozenset(SERVICES), _services)
    copies: str = setting("COPIES", "one", _one_of("one", "several"))
    catalog_url: str | None = setting("CATALOG_URL", None, _peer)
    inventory_url: str | None = setting("INVENTORY_URL", None, _peer)
    peer_timeout_ms: int = setting("PEER_TIMEOUT_MS", 1000, _between(10, 60_000))
    catalog_database_url: str = setting(
        "CATALOG_DATABASE_URL",
        "sqlite:///var/catalog.db",
        read_database_url,
        secret=True,
    )
    catalog_read_database_url: str = setting(
        "CATALOG_READ_DATABASE_URL",
        "sqlite:///var/catalog_read.db",
        read_database_url,
        secret=True,
    )
    inventory_database_url: str = setting(
        "INVENTORY_DATABASE_URL",
        "sqlite:///var/inventory.db",
        read_database_url,
        secret=True,
    )
    inventory_read_database_url: str = setting(
        "INVENTORY_READ_DATABASE_URL",
        "sqlite:///var/inventory_read.db",
        read_database_url,
        secret=True,
    )
    sqlite_synchronous: str = setting(
        "SQLITE_SYNCHRONOUS", "FULL", _one_of("FULL", "NORMAL")
    )
    database_pool_size: int = setting("DATABASE_POOL_SIZE", 5, _between(2, 500))
    database_timeout_ms: int = setting(
        "DATABASE_TIMEOUT_MS", 5000, _between(100, 600_000)
    )
    idempotency_key_hours: int = setting(
        "IDEMPOTENCY_KEY_HOURS", 24, _between(1, 87_600)
    )
    history_days: int = setting("HISTORY_DAYS", 30, _between(0, 36_500))
    host: str = setting("HOST", "127.0.0.1", _text)
    trusted_hosts: tuple[str, ...] | None = setting("TRUSTED_HOSTS", None, _names)
    port: int = setting("PORT", 8000, _between(1, 65535))
    workers: int = setting("WORKERS", 1, _between(1, 64))
    threads: int = setting("THREADS", 64, _between(1, 256))
    body_timeout_s: int = setting("BODY_TIMEOUT_S", 10, _between(1, 600))
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
        settings._refuse_a_lonely_part()
        settings._refuse_workers_of_one_file()
        return settings

    @property
    def neighbour(self) -> str | None:
        """The service that answers at CATALOG_URL; None if it is asked for none."""
        for service in (CATALOG_COMMANDS, CATALOG_QUERIES):
            if service not in self.services:
                return service
        return None

    def _refuse_shared_files(self) -> None:
        """One database per owner (law 6)."""
        owners: dict[object, str] = {}
        for field in attrs.fields(type(self)):
            if field.name.endswith("_database_url"):
                variable, value = field.metadata["env"], getattr(self, field.name)
                url = make_url(value)
                file = url.get_backend_name() == "sqlite"
                schema = url.query.get("schema", "public")
                server = url.host, url.port, url.query.get("host")
                place = url.database if file else (*server, url.database)
                if (place, schema) in owners:
                    what = "another file" if file else "another database or schema"
                    raise BadSettingError(
                        variable, value, f"{what} than {owners[place, schema]} has"
                    )
                owners[place, schema] = variable

    def _refuse_workers_of_one_file(self) -> None:
        """They are several replicas: SQLite is told so, PostgreSQL need not be."""
        files = [
            field.metadata["env"]
            for field in attrs.fields(type(self))
            if field.name.endswith("_database_url")
            and make_url(getattr(self, field.name)).get_backend_name() == "sqlite"
        ]
        if self.workers > 1 and files and self.copies == "one":
            raise BadSettingError(
                "WORKERS",
                self.workers,
                f"1, since {files[0]} is a SQLite file: use PostgreSQL, or set "
                "COPIES=several",
            )

    def _refuse_a_lonely_part(self) -> None:
        """Every service runs somewhere, and whoever asks it knows where."""
        all_here = self.services == frozenset(SERVICES)
        if not all_here and self.bus_url == "inprocess:":
            raise BadSettingError(
                "SERVICES",
                ",".join(sorted(self.services)),
                f"all of {','.join(SERVICES)}, since BUS_URL inprocess: joins one "
                "process only: set BUS_URL to feed: or nats://host for a split",
            )
        for variable, url, service in (
            ("CATALOG_URL", self.catalog_url, self.neighbour),
            (
                "INVENTORY_URL",
                self.inventory_url,
                None if INVENTORY in self.services else INVENTORY,
            ),
        ):
            if service is not None and url is None:
                raise BadSettingError(
                    variable,
                    url,
                    f"the address of the process that runs {service}, such as "
                    "http://127.0.0.1:8001, or that service among SERVICES",
                )
            if all_here and url is not None:
                raise BadSettingError(
                    variable,
                    url,
                    "nothing: this process runs all services, so it has no peer",
                )
