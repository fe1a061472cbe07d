"""How NATS is reached."""

import ssl
from collections.abc import Sequence
from typing import Any

import attrs

from shared_kernel.buses.port import BusMisconfiguredError


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
        """For nats-py. Raises BusMisconfiguredError for invalid TLS files."""
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
