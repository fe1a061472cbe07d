"""The bus on SNS and SQS that `BUS_URL` names. Needs the extra `aws`."""

from collections.abc import Sequence

from shared_kernel.buses.aws.address import AwsAddress
from shared_kernel.buses.aws.bus import AwsBus, Logs
from shared_kernel.buses.aws.client import AwsClients
from shared_kernel.buses.aws.names import Names
from shared_kernel.buses.port import BusMisconfiguredError, EventBus
from shared_kernel.runtime.settings import Settings


def aws_bus(settings: Settings, subjects: Sequence[str], logs: Logs) -> EventBus:
    """Raises BusMisconfiguredError."""
    try:
        address = AwsAddress.of(settings.bus_url)
    except ValueError as error:
        raise BusMisconfiguredError(f"BUS_URL: expected {error}") from error
    names = Names(
        prefix=settings.bus_subject_prefix or "", fifo=settings.aws_topics == "fifo"
    )
    bus = AwsBus(
        AwsClients(address),
        names,
        # The others are accepted from foreign programs.
        published=[each for each in subjects if each.endswith(".>")],
        retention_s=settings.aws_retention_hours * 3600,
        logs=logs,
    )
    if settings.sns_http_topics:
        # It imports cryptography, which takes a while.
        from shared_kernel.buses.aws.door import SnsDoor, fetched  # noqa: PLC0415

        bus.door = SnsDoor(settings.sns_http_topics, bus.take, fetched)
    return bus
