"""Converts Granian's request scope to a WSGI environ (PEP 3333)."""

import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol
from wsgiref.types import WSGIEnvironment

_SAME_FOR_ALL: Mapping[str, Any] = {
    "SCRIPT_NAME": "",
    "SERVER_SOFTWARE": "Granian",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    # For werkzeug: the body ends at the end of the input, also without a length.
    "wsgi.input_terminated": True,
    "wsgi.multithread": True,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
}


class Headers(Protocol):
    """Names are in lower case."""

    def items(self) -> Sequence[tuple[str, str]]:
        """Pairs of name and value, repeated names included, if the value is ASCII."""

    def keys(self) -> Sequence[str]: ...

    def __len__(self) -> int:
        """How many names there are."""


class Scope(Protocol):
    """`path` is decoded; `server` and `client` are `address:port`."""

    @property
    def method(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def query_string(self) -> str: ...

    @property
    def http_version(self) -> str: ...

    @property
    def scheme(self) -> str: ...

    @property
    def authority(self) -> str | None: ...

    @property
    def server(self) -> str: ...

    @property
    def client(self) -> str: ...

    @property
    def headers(self) -> Headers: ...


def environ_of(scope: Scope) -> WSGIEnvironment:
    """The environ, except `wsgi.input`.

    The values of a repeated header are joined; a value that is not ASCII is empty.
    """
    server, port = _address(scope.server)
    environ = {
        **_SAME_FOR_ALL,
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": _bytes_as_text(scope.path),
        "QUERY_STRING": _bytes_as_text(scope.query_string),
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "REMOTE_ADDR": _address(scope.client)[0],
        "wsgi.url_scheme": scope.scheme,
    }
    headers, without_headers = scope.headers, len(environ)
    for name, value in headers.items():
        key = _key(name)
        if key in environ:
            # Cookies are joined by semicolons: their values may have commas.
            comma = ";" if name == "cookie" else ","
            environ[key] += comma + value
        else:
            environ[key] = value
    if len(environ) - without_headers < len(headers):
        for name in headers.keys():  # noqa: SIM118 - not a mapping
            environ.setdefault(_key(name), "")
    if "HTTP_HOST" not in environ:
        environ["HTTP_HOST"] = scope.authority or ""
    return environ


@lru_cache(maxsize=512)
def _key(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


def _bytes_as_text(text: str) -> str:
    """WSGI's form: a character for each byte."""
    return text if text.isascii() else text.encode().decode("latin-1")


@lru_cache(maxsize=512)
def _address(of: str) -> tuple[str, str]:
    address, _, port = of.rpartition(":")
    return address.strip("[]").partition("%")[0], port
