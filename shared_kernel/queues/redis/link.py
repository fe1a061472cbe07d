"""Opens a link to one Redis."""

import random
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import structlog

from shared_kernel.buses.redis.address import RedisAddress
from shared_kernel.clock import Clock, system_clock
from shared_kernel.queues.link import Link
from shared_kernel.queues.port import QueueMisconfiguredError

if TYPE_CHECKING:
    from redis import Redis

TIMEOUT_S = 2.0
"""For a connection, and for an answer."""

RedisLink: TypeAlias = "Link[Redis]"

_log = structlog.get_logger(__name__)


def open_link(
    url: str,
    *,
    clock: Clock = system_clock,
    jitter: Callable[[], float] = random.random,
    ca_file: str | None = None,
) -> RedisLink:
    """To the Redis in `url`; connects when it is first asked.

    With the first answer it warns if Redis forgets everything when it is killed.
    `ca_file` verifies its certificate instead of the system's authorities. Raises
    QueueMisconfiguredError without the extra `redis`.
    """
    address = RedisAddress.of(url)
    # The client is an optional extra.
    try:
        import redis  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415
    except ImportError as error:
        raise QueueMisconfiguredError(
            f"{address.shown} needs the extra `redis`: pip install 'storehouse[redis]'"
        ) from error
    client = redis.Redis(
        host=address.host,
        port=address.port,
        db=address.database,
        username=address.user,
        password=address.password,
        # Its answers are the same from every version.
        protocol=2,
        # A pop that was repeated unseen would hold two messages.
        retry=Retry(NoBackoff(), 0),
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        ssl=address.tls,
        ssl_ca_certs=ca_file,
    )
    faults = (redis.RedisError, OSError)
    return Link(
        client,
        address.shown,
        faults,
        ping=lambda client: client.ping(),
        on_first_answer=partial(_look_at_storage, address.shown, faults),
        close=client.close,
        clock=clock,
        jitter=jitter,
    )


def _look_at_storage(
    shown: str, faults: tuple[type[Exception], ...], client: "Redis"
) -> None:
    try:
        found: Any = client.config_get("appendonly")
    except faults:
        found = {}
    appends = found.get("appendonly")
    if appends is None:
        _log.warning("unknown whether redis has an append-only file", redis=shown)
    elif appends != "yes":
        _log.warning(
            "redis has no append-only file",
            redis=shown,
            hint="messages of other programs are lost when it ends: appendonly yes",
        )
