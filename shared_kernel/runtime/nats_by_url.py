"""The NATS bus that `BUS_URL` names. Needs the extra `nats`."""

from collections.abc import Sequence
from urllib.parse import unquote

from shared_kernel.buses.nats.core import NatsBus
from shared_kernel.buses.nats.jetstream import JetStreamBus, Logs
from shared_kernel.buses.nats.options import NatsOptions
from shared_kernel.buses.nats.stream import StreamDeclaration
from shared_kernel.buses.port import BusMisconfiguredError, EventBus
from shared_kernel.runtime.settings import Settings

PORT = 4222


def nats_bus(settings: Settings, subjects: Sequence[str], logs: Logs) -> EventBus:
    """Raises BusMisconfiguredError."""
    options = options_of(settings)
    if settings.bus_url.startswith("nats:"):
        return NatsBus(options)
    declaration = StreamDeclaration(
        name=settings.jetstream_stream,
        subjects=subjects,
        replicas=settings.jetstream_replicas,
        duplicate_window_s=settings.jetstream_duplicate_window_s,
        max_age_s=settings.jetstream_max_age_hours * 3600,
    )
    return JetStreamBus(options, declaration, logs=logs)


def options_of(settings: Settings, variable: str = "BUS_URL") -> NatsOptions:
    """Of the URL in `BUS_URL` or `QUEUE_URL`.

    Raises BusMisconfiguredError, without secrets in its message.
    """
    url = settings.bus_url if variable == "BUS_URL" else settings.queue_url
    scheme, _, rest = url.partition("://")
    credentials, at, hosts = rest.rpartition("@")
    if "," in credentials or "@" in credentials:
        raise BusMisconfiguredError(
            f"{variable} has credentials more than once; expected "
            f"{scheme}://user:password@host:port,host:port, with , and @ in a password "
            "written as %2C and %40"
        )
    user, colon, password = credentials.partition(":")
    return NatsOptions(
        servers=[
            _server(variable, host, scheme) for host in hosts.strip("/").split(",")
        ],
        prefix=settings.bus_subject_prefix or "",
        user=unquote(user) if colon else None,
        password=unquote(password) if colon else None,
        token=unquote(credentials) if at and not colon else settings.nats_token,
        credentials=settings.nats_credentials,
        tls_ca=settings.nats_tls_ca,
        tls_certificate=settings.nats_tls_certificate,
        tls_key=settings.nats_tls_key,
    )


def _server(variable: str, host: str, scheme: str) -> str:
    # [::1]:4222 has several colons.
    name, colon, port = (
        host.rpartition(":") if not host.endswith("]") else (host, "", "")
    )
    if not colon:
        name, port = host, str(PORT)
    if name and port.isdecimal() and 0 < int(port) < 65536 and "/" not in name:
        return f"{name}:{port}"
    # The text after the colon is never shown: if the @ is missing, it is a password.
    shown = f"{name}:…" if colon else name
    raise BusMisconfiguredError(
        f"{variable} names the server {shown!r}; expected "
        f"{scheme}://host:port,host:port, credentials before them as in {scheme}://user:password@host"
    )
