"""The work-queue stream and its consumer: made, and compared with what is there."""

import attrs
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

from shared_kernel.buses.nats.stream import NAME_IN_USE, NO_LEADER
from shared_kernel.buses.port import BusMisconfiguredError

CONSUMER = "workers"
"""The only one: who works shares its messages."""
MOST_HELD = 20_000


@attrs.frozen(kw_only=True)
class WorkStream:
    """Keeps each message in files until it is acknowledged, or `max_age_s` old."""

    name: str
    subject: str
    replicas: int
    max_age_s: float
    ack_wait_s: float

    def config(self) -> api.StreamConfig:
        return api.StreamConfig(
            name=self.name,
            subjects=[self.subject],
            storage=api.StorageType.FILE,
            retention=api.RetentionPolicy.WORK_QUEUE,
            num_replicas=self.replicas,
            max_age=self.max_age_s,
        )

    def consumer(self) -> api.ConsumerConfig:
        return api.ConsumerConfig(
            durable_name=CONSUMER,
            deliver_policy=api.DeliverPolicy.ALL,
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=self.ack_wait_s,
            max_ack_pending=MOST_HELD,
        )


async def declare(js: JetStreamContext, stream: WorkStream, servers: str) -> None:
    """Raises BusMisconfiguredError if it cannot be made, or is another one."""
    try:
        there = await _there(js, stream)
        if differences := _differences(there, stream.config()):
            raise BusMisconfiguredError(
                f"the stream {stream.name!r} is no queue as declared: "
                f"{'; '.join(differences)}: name another queue by NEW_PRODUCTS_LIST or "
                "BUS_SUBJECT_PREFIX, or delete this stream"
            )
        await js.add_consumer(stream.name, stream.consumer())
    except ServiceUnavailableError as error:
        if error.err_code == NO_LEADER:
            raise
        raise BusMisconfiguredError(
            f"NATS at {servers} has no JetStream: start nats-server with -js, or set "
            "QUEUE_URL to sql:"
        ) from error
    except APIError as error:
        raise BusMisconfiguredError(
            f"the queue {stream.name!r} is refused: {error.description}"
        ) from error


async def _there(js: JetStreamContext, stream: WorkStream) -> api.StreamConfig:
    try:
        return (await js.stream_info(stream.name)).config
    except NotFoundError:
        try:
            return (await js.add_stream(stream.config())).config
        except APIError as error:
            # Another process has just made it.
            if error.err_code != NAME_IN_USE:
                raise
    return (await js.stream_info(stream.name)).config


def _differences(there: api.StreamConfig, wanted: api.StreamConfig) -> list[str]:
    found, declared = _shown(there), _shown(wanted)
    return [
        f"{name} is {found[name]}, declared {declared[name]}"
        for name in declared
        if found[name] != declared[name]
    ]


def _shown(config: api.StreamConfig) -> dict[str, object]:
    return {
        "subjects": ",".join(sorted(config.subjects or ())),
        "storage": getattr(config.storage, "value", config.storage),
        "retention": getattr(config.retention, "value", config.retention),
        "JETSTREAM_REPLICAS": config.num_replicas,
        "QUEUE_MAX_AGE_HOURS": round((config.max_age or 0) / 3600, 3),
    }
