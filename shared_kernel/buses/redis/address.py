"""Which Redis is used, as a URL says it."""

import re
from urllib.parse import unquote, urlsplit

import attrs

ACCEPTED = (
    "a Redis URL such as redis://host, redis://user:password@host:6379/1 or "
    "rediss://host/1"
)
"""`rediss` is Redis on TLS; the path is the number of the database."""


@attrs.frozen(kw_only=True)
class RedisAddress:
    """`shown` is the URL without user and password."""

    host: str
    port: int
    database: int
    user: str | None = attrs.field(repr=False)
    password: str | None = attrs.field(repr=False)
    tls: bool

    @classmethod
    def of(cls, url: str) -> "RedisAddress":
        """Raises ValueError, which names the accepted values."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError(ACCEPTED) from None
        if (
            parts.scheme not in ("redis", "rediss")
            or not parts.hostname
            or port == 0
            or re.fullmatch(r"/?[0-9]{0,4}", parts.path, re.ASCII) is None
            or parts.query
            or parts.fragment
        ):
            raise ValueError(ACCEPTED)
        return cls(
            host=parts.hostname,
            port=port or 6379,
            database=int(parts.path.strip("/") or 0),
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            tls=parts.scheme == "rediss",
        )

    @property
    def shown(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "rediss" if self.tls else "redis"
        return f"{scheme}://{host}:{self.port}/{self.database}"
