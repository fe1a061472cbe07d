"""Serves only names it knows, and orders only from pages of its own.

A web page may have its name resolved to 127.0.0.1 (DNS rebinding), and then asks this
process from within the browser of somebody who reaches it. The names give it away.
"""

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from flask import Flask, request

from shared_kernel.adapters.web.problems import Problem, kind

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
_READING = frozenset({"GET", "HEAD", "OPTIONS"})

UNKNOWN_HOST = kind(
    "unknown-host",
    400,
    "This is not served under that name",
    "`Host` is none of the names in the setting `TRUSTED_HOSTS`.",
)
FOREIGN_ORIGIN = kind(
    "foreign-origin",
    403,
    "A page of another site may not give orders",
    "`Origin` is not where this is served.",
)


def trusted_names(setting: Sequence[str] | None, host: str) -> Sequence[str]:
    """Those of `setting`, or else loopback names where `host` is a loopback address.

    Empty if any name is served.
    """
    if setting:
        return () if "*" in setting else setting
    if not _is_loopback(host):
        return ()
    return tuple(dict.fromkeys((*LOOPBACK_NAMES, host.strip("[]"))))


def serve_known_hosts(app: Flask, names: Sequence[str]) -> None:
    """Refuse other names than `names`, if there are any, and foreign origins."""

    def look() -> None:
        host = request.environ.get("HTTP_HOST", "")
        # No browser leaves it out.
        if names and host and not _is_among(names, host):
            raise Problem(
                UNKNOWN_HOST,
                f"Host is {host!r}, expected {', '.join(names)}: name it in "
                "TRUSTED_HOSTS, if it is one of yours",
            )
        origin = request.headers.get("Origin")
        if origin is None or request.method in _READING:
            return
        if origin.lower().partition("://")[2] != host.lower():
            raise Problem(
                FOREIGN_ORIGIN, f"Origin is {origin!r}, expected a page of {host!r}"
            )

    app.before_request(look)


def _is_among(names: Sequence[str], host: str) -> bool:
    """Whatever the port. A name with a leading dot stands for all below it, too."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return any(
        name == each.lstrip(".") or (each.startswith(".") and name.endswith(each))
        for each in names
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
