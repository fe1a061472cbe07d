"""What operators see of a queue, and do to it."""

import json
from collections.abc import Collection

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.dead_letters.tables import dead_letters_table
from shared_kernel.queues.jobs import SOURCE
from shared_kernel.queues.port import Message
from shared_kernel.queues.tables import jobs_table, paused_queues_table
from shared_kernel.storage.prepared import Prepared, Row, one_of

_metadata = sa.MetaData()
_JOBS = jobs_table(_metadata)
_PAUSED = paused_queues_table(_metadata)
_LETTERS = dead_letters_table(_metadata)
_OF = _JOBS.c.queue == sa.bindparam("of")
_COUNT = Prepared(
    sa.select(
        sa.func.count(),
        sa.func.count(_JOBS.c.consumer),
        sa.func.coalesce(sa.func.max(_JOBS.c.attempts), 0),
        sa.func.coalesce(sa.func.min(_JOBS.c.added_us), 0),
        sa.func.coalesce(
            sa.func.min(
                sa.case((_JOBS.c.consumer.is_not(None), _JOBS.c.added_us), else_=None)
            ),
            0,
        ),
    ).where(_OF)
)
_KEYS = Prepared(
    sa.select(_JOBS.c.key).where(_OF, one_of(_JOBS.c.key, "keys")).distinct()
)
_BEHIND = Prepared(
    sa.select(sa.func.count()).where(
        _OF,
        _JOBS.c.key == sa.bindparam("key"),
        _JOBS.c.number > sa.bindparam("at"),
    )
)
_PARKED = Prepared(
    sa.select(sa.func.count()).where(
        _OF,
        sa.exists().where(
            _LETTERS.c.subscription == sa.bindparam("of"),
            _LETTERS.c.source == SOURCE,
            _LETTERS.c.key == _JOBS.c.key,
            _LETTERS.c.position < _JOBS.c.number,
        ),
    )
)
_SINCE = Prepared(
    sa.select(_PAUSED.c.since_us).where(_PAUSED.c.queue == sa.bindparam("of"))
)
_PAUSE = Prepared(sa.insert(_PAUSED))
_RESUME = Prepared(sa.delete(_PAUSED).where(_PAUSED.c.queue == sa.bindparam("of")))
_PURGE = Prepared(sa.delete(_JOBS).where(_OF, _JOBS.c.consumer.is_(None)))
_FIRST = Prepared(
    sa.select(
        _JOBS.c.number,
        _JOBS.c.attempts,
        _JOBS.c.id,
        _JOBS.c.name,
        _JOBS.c.payload,
        _JOBS.c.key,
        _JOBS.c.consumer,
        _JOBS.c.added_us,
        _JOBS.c.due_us,
        _JOBS.c.traceparent,
    )
    .where(_OF)
    .order_by(_JOBS.c.number)
    .limit(sa.bindparam("most", type_=sa.Integer))
)


@attrs.frozen(kw_only=True)
class Depth:
    """`waiting` and `in_flight` jobs, the most `attempts` of one, and what is oldest.

    `oldest_us` and `oldest_in_flight_us` are when it was added, None if there is none.
    """

    waiting: int
    in_flight: int
    attempts: int
    oldest_us: int | None
    oldest_in_flight_us: int | None


@attrs.frozen(kw_only=True)
class Job:
    """A message as it stands in the queue; `consumer` is None while it is free."""

    message: Message
    consumer: str | None
    added_us: int
    due_us: int


def depth(connection: Connection, queue: str) -> Depth:
    (row,) = _COUNT.rows(connection, {"of": queue})
    every, held, attempts, oldest_us, oldest_in_flight_us = row
    return Depth(
        waiting=every - held,
        in_flight=held,
        attempts=attempts,
        oldest_us=oldest_us or None,
        oldest_in_flight_us=oldest_in_flight_us or None,
    )


def first(connection: Connection, queue: str, most: int) -> list[Job]:
    """The oldest jobs, free or not."""
    rows = _FIRST.rows(connection, {"of": queue, "most": most})
    return [_job(row) for row in rows]


def _job(row: Row) -> Job:
    _, attempts, id_, name, payload, key, consumer, added_us, due_us, traceparent = row
    return Job(
        message=Message(
            id=id_,
            name=name,
            payload=payload,
            attempts=attempts,
            key=key,
            traceparent=traceparent,
        ),
        consumer=consumer,
        added_us=added_us,
        # What was just added is due since then.
        due_us=max(due_us, added_us),
    )


def keys_of(connection: Connection, queue: str, keys: Collection[str]) -> set[str]:
    """Which of `keys` have jobs, free or not."""
    asked = {"of": queue, "keys": json.dumps(list(keys))}
    return {key for (key,) in _KEYS.rows(connection, asked)}


def waiting_behind(connection: Connection, queue: str, key: str, number: int) -> int:
    """How many jobs of `key` were added after job `number`."""
    row = _BEHIND.row(connection, {"of": queue, "key": key, "at": number})
    return 0 if row is None else int(row[0])


def parked(connection: Connection, queue: str) -> int:
    """How many jobs wait behind a dead letter of their key."""
    row = _PARKED.row(connection, {"of": queue})
    return 0 if row is None else int(row[0])


def paused_since_us(connection: Connection, queue: str) -> int | None:
    """When the queue was paused, None if it is not."""
    row = _SINCE.row(connection, {"of": queue})
    return None if row is None else int(row[0])


def pause(connection: Connection, queue: str, now_us: int) -> bool:
    """Let nobody claim a job of the queue; False if it was paused already."""
    if paused_since_us(connection, queue) is not None:
        return False
    _PAUSE.write(connection, {"queue": queue, "since_us": now_us})
    return True


def resume(connection: Connection, queue: str) -> bool:
    """False if it was not paused."""
    return _RESUME.write(connection, {"of": queue}) == 1


def purge(connection: Connection, queue: str) -> int:
    """Delete the waiting jobs, not those in flight; return how many."""
    return _PURGE.write(connection, {"of": queue})
