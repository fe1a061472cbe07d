"""One setting: its environment variable, its default, and its accepted values."""

import re
from collections.abc import Callable
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

_SECRET = re.compile(r"(?<=//)[^/@]*(?=@)|(?<=[?&]password=)[^&]*")


SCHEMES = (
    "inprocess",
    "feed",
    "nats",
    "jetstream",
    "redis",
    "rediss",
    "kafka",
    "pubsub",
    "sns+sqs",
)
"""Of buses. The first two need no address."""


class BadSettingError(Exception):
    """An invalid setting. The message has variable, value and accepted values."""

    def __init__(self, variable: str, value: object, expected: str) -> None:
        found = "not set" if value is None else repr(_SECRET.sub("…", str(value)))
        super().__init__(f"{variable} is {found}; expected {expected}")
        self.variable = variable


def text(value: str) -> str:
    return value


def one_of(*accepted: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        for choice in accepted:
            if value.lower() == choice.lower():
                return choice
        raise ValueError(" or ".join(accepted))

    return read


def between(least: int, most: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if value.strip().isdecimal() and least <= int(value) <= most:
            return int(value)
        raise ValueError(f"a whole number from {least} to {most}")

    return read


def bus(value: str) -> str:
    scheme, _, rest = value.partition(":")
    if scheme in ("inprocess", "feed") and not rest:
        return value
    if scheme in SCHEMES[2:] and rest.startswith("//") and len(rest) > 2:
        return value
    brokers = ", ".join(f"{name}://…" for name in SCHEMES[2:])
    raise ValueError(f"inprocess:, feed:, or one of {brokers}")


def subject(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", value):
        return value
    raise ValueError("words of letters, digits, _ and -, separated by dots")


def word(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_-]{1,32}", value):
        return value
    raise ValueError("1 to 32 letters, digits, _ and -")


def file(value: str) -> str:
    if Path(value).is_file():
        return value
    raise ValueError("an existing file")


def email(value: str) -> str:
    if re.fullmatch(r"[^@\s]+@[^@\s]+", value):
        return value
    raise ValueError("an e-mail address")


def server(value: str) -> str:
    try:
        parts = urlsplit(f"//{value}")
        if parts.hostname and parts.port and parts.netloc == value:
            return value
    except ValueError:
        pass
    raise ValueError("host:port")


def topics(value: str) -> tuple[str, ...]:
    """Addresses of topics on SNS."""
    arns = tuple(each.strip() for each in value.split(",") if each.strip())
    pattern = r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,251}(\.fifo)?"
    if arns and all(re.fullmatch(pattern, each) for each in arns):
        return arns
    raise ValueError(
        "ARNs of topics, such as arn:aws:sns:eu-west-1:123456789012:new-product"
    )


def host_names(value: str) -> tuple[str, ...]:
    try:
        names = tuple(_name(each.strip()) for each in value.split(",") if each.strip())
    except ValueError:
        names = ()
    if names:
        return names
    raise ValueError("names without ports, such as shop.example,.shop.example, or *")


def _name(value: str) -> str:
    """A host without a port, normalised. Raises ValueError."""
    if ":" in value:
        return str(IPv6Address(value.removeprefix("[").removesuffix("]")))
    if re.fullmatch(r"\*|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", value):
        return value.lower()
    raise ValueError(value)


def database_url(value: str) -> str:
    """Raises ValueError, which names the accepted values."""
    expected = (
        "a SQLite URL with a file, such as sqlite:///var/shop.db, or a PostgreSQL URL "
        "with a database, such as postgresql://user:password@host/shop or "
        "postgresql://host/storehouse?schema=shop"
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


def address(value: str) -> str:
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
    """`secret` values are not part of the `repr`."""
    return attrs.field(
        default=default, metadata={"env": variable, "read": read}, repr=not secret
    )


def words(value: str) -> frozenset[str]:
    return frozenset(word.strip() for word in value.split(",") if word.strip())


def database(variable: str, file: str) -> Any:
    """The URL of a database; the default is the SQLite file `file`."""
    return setting(variable, f"sqlite:///{file}", database_url, secret=True)


def peer(variable: str) -> Any:
    """The address of the process for services that do not run in this one."""
    return setting(variable, None, address)
