"""The NATS bus that `BUS_URL` names. Needs the extra `nats`."""

from collections.abc import Sequence

from shared_kernel.adapters.settings import Settings
from shared_kernel.buses.nats_core import NatsBus
from shared_kernel.buses.nats_jetstream import JetStreamBus, Logs
from shared_kernel.buses.nats_options import options_of
from shared_kernel.buses.nats_stream import StreamDeclaration
from shared_kernel.buses.port import EventBus


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
