"""Serves only known host names, and accepts commands only from its own pages.

A web page may let its name resolve to 127.0.0.1 (DNS rebinding), and then reach this
process from a user's browser. The host name reveals it.
"""

import ipaddress
import re
from collections.abc import Sequence

from flask import Flask, request

from shared_kernel.web.problems import Problem, kind

_LOOPBACK_NETWORK = "127.0.0.0/8"
LOOPBACK_NAMES = ("localhost", _LOOPBACK_NETWORK, "::1")
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s\[\]:/?#@\\]+))(?::[0-9]*)?")
READING = frozenset({"GET", "HEAD", "OPTIONS"})

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
    "`Origin` is not where this is served. Open the page under the name in `Host`; a "
    "reverse proxy passes `Host` on as it is.",
)


def trusted_names(setting: Sequence[str] | None, host: str) -> Sequence[str]:
    """Those of `setting`, or else loopback names if `host` is a loopback address.

    Empty if any name is served.
    """
    if setting:
        return () if "*" in setting else setting
    return LOOPBACK_NAMES if is_loopback(host) else ()


def serve_known_hosts(app: Flask, names: Sequence[str]) -> None:
    """Refuse host names not in `names`, unless that is empty, and foreign origins."""

    def look() -> None:
        host = request.environ.get("HTTP_HOST", "")
        # Every browser sends it.
        if names and host and not _is_among(names, host):
            raise Problem(
                UNKNOWN_HOST,
                f"Host is {host!r}, expected {', '.join(names)}: name it in "
                "TRUSTED_HOSTS, if it is one of yours",
            )
        origin = request.headers.get("Origin")
        if origin is None or request.method in READING:
            return
        place = origin.lower().partition("://")[2]
        if not place or place != host.lower():
            raise Problem(
                FOREIGN_ORIGIN,
                f"Origin is {origin!r}, expected a page of {host!r}: open it there, or "
                "let the proxy in between pass Host on as it is",
            )

    app.before_request(look)


def _is_among(names: Sequence[str], host: str) -> bool:
    """Ignores the port. A name with a leading dot includes its subdomains."""
    match = _HOST.fullmatch(host.lower())
    if match is None:
        return False
    name = match[1] or match[2]
    return any(
        name == each.lstrip(".")
        or (each.startswith(".") and name.endswith(each))
        or (each == _LOOPBACK_NETWORK and is_loopback(name))
        for each in names
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it. `host` is a name or an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
