"""The bus on Kafka that `BUS_URL` names. Needs the extra `kafka`."""

import re
from collections.abc import Sequence

from shared_kernel.buses.kafka.bus import KafkaBus, Logs
from shared_kernel.buses.kafka.options import PORT, KafkaOptions
from shared_kernel.buses.port import BusMisconfiguredError, EventBus
from shared_kernel.runtime.settings import Settings

_SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?\Z")


def kafka_bus(settings: Settings, subjects: Sequence[str], logs: Logs) -> EventBus:
    """Raises BusMisconfiguredError."""
    return KafkaBus(options_of(settings, subjects), logs=logs)


def options_of(settings: Settings, subjects: Sequence[str]) -> KafkaOptions:
    """Raises BusMisconfiguredError, without secrets in its message."""
    rest = settings.bus_url.partition("://")[2]
    if "@" in rest:
        raise BusMisconfiguredError(
            "BUS_URL kafka: has credentials: write them in KAFKA_SASL_USERNAME and "
            "KAFKA_SASL_PASSWORD, with KAFKA_SECURITY_PROTOCOL=SASL_SSL, and only "
            "kafka://host:port,host:port in BUS_URL"
        )
    sasl = settings.kafka_security_protocol.startswith("SASL")
    credentials = settings.kafka_sasl_username, settings.kafka_sasl_password
    if sasl != all(credentials) or sasl != any(credentials):
        raise BusMisconfiguredError(
            f"KAFKA_SECURITY_PROTOCOL is {settings.kafka_security_protocol}; expected "
            "SASL_SSL or SASL_PLAINTEXT with KAFKA_SASL_USERNAME and "
            "KAFKA_SASL_PASSWORD, or PLAINTEXT or SSL without them"
        )
    return KafkaOptions(
        servers=[_server(each) for each in rest.strip("/").split(",")],
        prefix=settings.bus_subject_prefix or "",
        # The others are accepted from other programs.
        subjects=[each for each in subjects if each.endswith(">")],
        partitions=settings.kafka_partitions,
        max_age_s=settings.kafka_max_age_hours * 3600,
        protocol=settings.kafka_security_protocol,
        mechanism=settings.kafka_sasl_mechanism,
        user=settings.kafka_sasl_username,
        password=settings.kafka_sasl_password,
        tls_ca=settings.kafka_tls_ca,
        tls_certificate=settings.kafka_tls_certificate,
        tls_key=settings.kafka_tls_key,
    )


def _server(given: str) -> str:
    found = _SERVER.match(given)
    port = int(found[2] or PORT) if found else 0
    if not found or not 0 < port < 65536:
        raise BusMisconfiguredError(
            f"BUS_URL names the server {given!r}; expected kafka://host:port,host:port"
        )
    return f"{found[1]}:{port}"
