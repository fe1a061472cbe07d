"""How Kafka is reached."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

PORT = 9092
MAX_AGE_S = 7 * 24 * 3600.0


@attrs.frozen(kw_only=True)
class KafkaOptions:
    """`servers` are `host:port`; `shown` has no secrets.

    Topics that we create have `partitions`, and keep messages for `max_age_s` seconds.
    `subjects` are patterns of what Storehouses publish; all else comes from other
    programs.
    """

    servers: Sequence[str]
    prefix: str = ""
    subjects: Sequence[str] = ()
    partitions: int = 1
    max_age_s: float = MAX_AGE_S
    protocol: str = "PLAINTEXT"
    mechanism: str = "SCRAM-SHA-512"
    user: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    tls_ca: str | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None

    @property
    def shown(self) -> str:
        return f"kafka://{','.join(self.servers)}"

    def connecting(self) -> Mapping[str, Any]:
        """For any client of librdkafka."""
        sasl = self.protocol.startswith("SASL")
        given = {
            "bootstrap.servers": ",".join(self.servers),
            "client.id": "storehouse",
            "security.protocol": self.protocol,
            "sasl.mechanism": self.mechanism if sasl else None,
            "sasl.username": self.user if sasl else None,
            "sasl.password": self.password if sasl else None,
            "ssl.ca.location": self.tls_ca,
            "ssl.certificate.location": self.tls_certificate,
            "ssl.key.location": self.tls_key,
            # A topic that nobody declared would have other partitions than declared.
            "allow.auto.create.topics": False,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 1000,
            "socket.connection.setup.timeout.ms": 2000,
            # A server that does not answer for this long is tried anew.
            "socket.timeout.ms": 10_000,
            # Its own lines; what matters is logged here.
            "log_level": 0,
        }
        return {name: value for name, value in given.items() if value is not None}
