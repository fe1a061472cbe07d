"""The stream: the app creates it, and refuses one that differs from its settings."""

from collections.abc import Mapping, Sequence

import attrs
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

from shared_kernel.buses.nats.options import NatsOptions
from shared_kernel.buses.port import BusMisconfiguredError

NOTE = "storehouse-log-"
Value = str | int | float | None
NO_LEADER = 10008
"""The answer of a cluster during a leader election: JetStream will be back soon."""
NAME_IN_USE = 10058
"""Another process has just created the stream, with other metadata than ours."""


@attrs.frozen(kw_only=True)
class StreamDeclaration:
    """`subjects` are patterns without the prefix; every message is kept in files."""

    name: str = "storehouse"
    subjects: Sequence[str]
    replicas: int = 1
    duplicate_window_s: float = 120
    max_age_s: float = 7 * 24 * 3600


async def declare(
    js: JetStreamContext,
    options: NatsOptions,
    declaration: StreamDeclaration,
    logs: Mapping[str, str],
) -> None:
    """Create the stream, or compare it. Raises BusMisconfiguredError.

    `logs` are the identities, by source, of the logs of this process. They are noted in
    the stream's metadata.
    """
    wanted = api.StreamConfig(
        name=declaration.name,
        subjects=[options.subject(subject) for subject in declaration.subjects],
        storage=api.StorageType.FILE,
        retention=api.RetentionPolicy.LIMITS,
        num_replicas=declaration.replicas,
        duplicate_window=declaration.duplicate_window_s,
        max_age=declaration.max_age_s,
        metadata=_noted(logs),
    )
    try:
        there = (await js.stream_info(declaration.name)).config
    except NotFoundError:
        if await _created(js, wanted):
            return
        there = (await js.stream_info(declaration.name)).config
    except ServiceUnavailableError as error:
        if error.err_code == NO_LEADER:
            raise
        raise BusMisconfiguredError(
            f"NATS at {', '.join(options.servers)} has no JetStream: start nats-server "
            "with -js, or set BUS_URL to nats://…"
        ) from error
    differences = _differences(there, wanted)
    if differences:
        raise BusMisconfiguredError(
            f"the stream {declaration.name!r} is not as declared: "
            f"{'; '.join(differences)}: set the JETSTREAM_… settings alike, or name "
            "another stream by JETSTREAM_STREAM and other subjects by "
            "BUS_SUBJECT_PREFIX, or delete this one, whose events the logs have"
        )
    await _belong(js, there, logs)


async def _belong(
    js: JetStreamContext, there: api.StreamConfig, logs: Mapping[str, str]
) -> None:
    """Note new identities on the stream; refuse a stream of another Storehouse."""
    noted = {
        name: value
        for name, value in (there.metadata or {}).items()
        if not name.startswith("_nats.")
    }
    wanted = _noted(logs)
    for name, log in wanted.items():
        if noted.get(name, log) != log:
            raise BusMisconfiguredError(
                f"the stream {there.name!r} belongs to another Storehouse: its "
                f"{name.removeprefix(NOTE)} is the log {noted[name]}, ours {log}: name "
                "another stream by JETSTREAM_STREAM and other subjects by "
                "BUS_SUBJECT_PREFIX, or delete this one, if that log is no more"
            )
    if not wanted.items() <= noted.items():
        await js.update_stream(there.evolve(metadata={**noted, **wanted}))


def _noted(logs: Mapping[str, str]) -> dict[str, str]:
    return {f"{NOTE}{source}": log for source, log in logs.items()}


async def _created(js: JetStreamContext, wanted: api.StreamConfig) -> bool:
    """Whether this process created it, and not another one at the same time."""
    try:
        await js.add_stream(wanted)
    except ServiceUnavailableError:
        raise
    except APIError as error:
        if error.err_code == NAME_IN_USE:
            return False
        raise BusMisconfiguredError(
            f"the stream {wanted.name!r} is refused: {error.description}: set "
            "JETSTREAM_STREAM to the stream that has its subjects or "
            "BUS_SUBJECT_PREFIX to words of its own, and JETSTREAM_REPLICAS to no "
            "more than there are servers"
        ) from error
    return True


def _differences(there: api.StreamConfig, wanted: api.StreamConfig) -> list[str]:
    found, declared = _shown(there), _shown(wanted)
    return [
        f"{name} is {found[name]}, declared {declared[name]}"
        for name in declared
        if found[name] != declared[name]
    ]


def _shown(config: api.StreamConfig) -> dict[str, Value]:
    return {
        "subjects": ",".join(sorted(config.subjects or ())),
        "storage": str(config.storage).rpartition(".")[2].lower(),
        "retention": str(config.retention).rpartition(".")[2].lower(),
        "JETSTREAM_REPLICAS": config.num_replicas,
        "JETSTREAM_DUPLICATE_WINDOW_S": _number(config.duplicate_window),
        "JETSTREAM_MAX_AGE_HOURS": _number((config.max_age or 0) / 3600),
    }


def _number(number: float | None) -> float:
    return round(float(number or 0), 3)
