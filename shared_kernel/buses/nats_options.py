"""How NATS is reached, from `BUS_URL` and the settings beside it."""

import ssl
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import attrs

from shared_kernel.adapters.settings import Settings
from shared_kernel.buses.port import BusMisconfiguredError

PORT = 4222


@attrs.frozen(kw_only=True)
class NatsOptions:
    """`servers` are `host:port`; `prefix` stands before every subject."""

    servers: Sequence[str]
    prefix: str = ""
    user: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    token: str | None = attrs.field(default=None, repr=False)
    credentials: str | None = None
    tls_ca: str | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None

    def subject(self, name: str) -> str:
        return f"{self.prefix}.{name}" if self.prefix else name

    def type(self, subject: str) -> str:
        return subject.removeprefix(f"{self.prefix}.") if self.prefix else subject

    def connecting(self) -> dict[str, Any]:
        """For nats-py. Raises BusMisconfiguredError for files that are no keys."""
        given = {
            "servers": [f"nats://{server}" for server in self.servers],
            "user": self.user,
            "password": self.password,
            "token": self.token,
            "user_credentials": self.credentials,
            "tls": self._tls(),
        }
        return {name: value for name, value in given.items() if value is not None}

    @property
    def wants_tls(self) -> bool:
        return bool(self.tls_ca or self.tls_certificate or self.tls_key)

    def _tls(self) -> ssl.SSLContext | None:
        if not self.wants_tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.tls_ca)
            if self.tls_certificate:
                context.load_cert_chain(self.tls_certificate, self.tls_key)
        except (OSError, ssl.SSLError) as error:
            raise BusMisconfiguredError(
                f"NATS_TLS_CA, NATS_TLS_CERTIFICATE, NATS_TLS_KEY: {error}; expected "
                "certificates and their key as PEM files"
            ) from error
        return context


def options_of(settings: Settings) -> NatsOptions:
    """Raises BusMisconfiguredError, showing no secret."""
    scheme, _, rest = settings.bus_url.partition("://")
    who, at, hosts = rest.rpartition("@")
    if "," in who or "@" in who:
        raise BusMisconfiguredError(
            "BUS_URL has credentials more than once; expected "
            f"{scheme}://user:password@host:port,host:port, with , and @ in a password "
            "written as %2C and %40"
        )
    user, colon, password = who.partition(":")
    return NatsOptions(
        servers=[_server(host, scheme) for host in hosts.strip("/").split(",")],
        prefix=settings.bus_subject_prefix or "",
        user=unquote(user) if colon else None,
        password=unquote(password) if colon else None,
        token=unquote(who) if at and not colon else settings.nats_token,
        credentials=settings.nats_credentials,
        tls_ca=settings.nats_tls_ca,
        tls_certificate=settings.nats_tls_certificate,
        tls_key=settings.nats_tls_key,
    )


def _server(host: str, scheme: str) -> str:
    # [::1]:4222 has more colons than one.
    name, colon, port = (
        host.rpartition(":") if not host.endswith("]") else (host, "", "")
    )
    if not colon:
        name, port = host, str(PORT)
    if name and port.isdecimal() and 0 < int(port) < 65536 and "/" not in name:
        return f"{name}:{port}"
    # What stands behind the colon is shown to nobody: without an @ it is a password.
    shown = f"{name}:…" if colon else name
    raise BusMisconfiguredError(
        f"BUS_URL names the server {shown!r}; expected {scheme}://host:port,host:port, "
        f"credentials before them as in {scheme}://user:password@host"
    )
