"""Jobs as rows: added, claimed, settled and released, each by one guarded statement.

A job is claimed by a consumer, and each claim is numbered (`attempts`). Number and
consumer together are the fencing token: a consumer that was stopped or cut off, and
comes back, finds that they no longer match, and changes nothing.

A consumer is alive as long as its counter in `job_consumers` grows. Others compare that
with their own monotonic clock; no two clocks are compared.
"""

from collections.abc import Sequence
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.queues.port import LeaseLostError, Message
from shared_kernel.storage.prepared import Prepared

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def jobs_table(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "jobs",
        metadata,
        sa.Column("number", NUMBER, sa.Identity(always=True), primary_key=True),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("key", sa.Text),
        sa.Column("added_us", sa.BigInteger, nullable=False),
        sa.Column("due_us", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("consumer", sa.Text),
        # A number that a consumer may still hold is never given again.
        sqlite_autoincrement=True,
    )


def job_consumers_table(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "job_consumers",
        metadata,
        sa.Column("consumer", sa.Text, primary_key=True),
        sa.Column("beats", sa.BigInteger, nullable=False),
    )


_metadata = sa.MetaData()
_JOBS = jobs_table(_metadata)
_CONSUMERS = job_consumers_table(_metadata)
sa.Index(
    "jobs_free",
    _JOBS.c.queue,
    _JOBS.c.number,
    postgresql_where=_JOBS.c.consumer.is_(None),
    sqlite_where=_JOBS.c.consumer.is_(None),
)
sa.Index("jobs_key", _JOBS.c.queue, _JOBS.c.key, _JOBS.c.number)

_OF = _JOBS.c.queue == sa.bindparam("of")
_earlier = _JOBS.alias("earlier")
_FREE = (
    sa.select(_JOBS.c.number)
    .where(
        _OF,
        _JOBS.c.consumer.is_(None),
        _JOBS.c.number > sa.bindparam("floor"),
        _JOBS.c.due_us <= sa.bindparam("now_us"),
        sa.or_(
            _JOBS.c.key.is_(None),
            ~sa.exists().where(
                _earlier.c.queue == _JOBS.c.queue,
                _earlier.c.key == _JOBS.c.key,
                _earlier.c.number < _JOBS.c.number,
            ),
        ),
    )
    .order_by(_JOBS.c.number)
    .limit(sa.bindparam("most", type_=sa.Integer))
    .with_for_update(skip_locked=True, of=_JOBS)
)
_CLAIM = Prepared(
    sa.update(_JOBS)
    .where(_JOBS.c.number.in_(_FREE.scalar_subquery()))
    .values(consumer=sa.bindparam("me"), attempts=_JOBS.c.attempts + 1)
    .returning(
        _JOBS.c.number,
        _JOBS.c.attempts,
        _JOBS.c.id,
        _JOBS.c.name,
        _JOBS.c.payload,
        _JOBS.c.key,
    )
)
_HELD = sa.and_(
    _JOBS.c.number == sa.bindparam("at"),
    _JOBS.c.consumer == sa.bindparam("me"),
    _JOBS.c.attempts == sa.bindparam("attempt"),
)
_ADD = Prepared(sa.insert(_JOBS))
_FINISH = Prepared(sa.delete(_JOBS).where(_HELD))
_REJECT = Prepared(
    sa.update(_JOBS)
    .where(_HELD)
    .values(consumer=sa.null(), due_us=sa.bindparam("again_us"))
)
_RELEASE = Prepared(
    sa.update(_JOBS)
    .where(_JOBS.c.consumer == sa.bindparam("gone"))
    .values(consumer=sa.null())
)
_JOIN = Prepared(sa.insert(_CONSUMERS))
_BEAT = Prepared(
    sa.update(_CONSUMERS)
    .where(_CONSUMERS.c.consumer == sa.bindparam("me"))
    .values(beats=_CONSUMERS.c.beats + 1)
)
_BEATS = Prepared(sa.select(_CONSUMERS.c.consumer, _CONSUMERS.c.beats))
_BURY = Prepared(
    sa.delete(_CONSUMERS).where(
        _CONSUMERS.c.consumer == sa.bindparam("gone"),
        _CONSUMERS.c.beats == sa.bindparam("beats"),
    )
)
_LEAVE = Prepared(
    sa.delete(_CONSUMERS).where(_CONSUMERS.c.consumer == sa.bindparam("me"))
)
_COUNT = Prepared(
    sa.select(
        sa.func.count(),
        sa.func.count(_JOBS.c.consumer),
        sa.func.coalesce(sa.func.min(_JOBS.c.added_us), 0),
    ).where(_OF)
)


@attrs.frozen(kw_only=True)
class Job:
    """A claimed message, with the token of its claim."""

    number: int
    consumer: str
    message: Message

    @property
    def token(self) -> dict[str, Any]:
        return {
            "at": self.number,
            "me": self.consumer,
            "attempt": self.message.attempts,
        }


@attrs.frozen(kw_only=True)
class Depth:
    """`waiting` and `in_flight` jobs; the oldest was added at `oldest_us`, if any."""

    waiting: int
    in_flight: int
    oldest_us: int | None


def add(
    connection: Connection, queue: str, messages: Sequence[Message], now_us: int
) -> None:
    """In the caller's transaction (law 1)."""
    rows = [
        {
            "queue": queue,
            "id": message.id,
            "name": message.name,
            "payload": message.payload,
            "key": message.key,
            "added_us": now_us,
            "due_us": now_us,
            "attempts": 0,
        }
        for message in messages
    ]
    _ADD.write_all(connection, rows)


def claim(
    connection: Connection,
    queue: str,
    consumer: str,
    *,
    most: int,
    floor: int,
    now_us: int,
) -> list[Job]:
    """At most `most` free and due jobs behind number `floor`, in order."""
    asked = {"of": queue, "me": consumer, "most": most, "floor": floor}
    rows = _CLAIM.rows(connection, asked | {"now_us": now_us})
    return [
        Job(
            number=number,
            consumer=consumer,
            message=Message(
                id=id_, name=name, payload=payload, attempts=attempts, key=key
            ),
        )
        for number, attempts, id_, name, payload, key in sorted(rows)
    ]


def finish(connection: Connection, job: Job) -> None:
    """It is done, together with what else this transaction does.

    Raises LeaseLostError.
    """
    if _FINISH.write(connection, job.token) != 1:
        raise _lost(job)


def reject(connection: Connection, job: Job, again_us: int) -> None:
    """Let it be claimed again from that time on. Raises LeaseLostError."""
    if _REJECT.write(connection, job.token | {"again_us": again_us}) != 1:
        raise _lost(job)


def join(connection: Connection, consumer: str) -> None:
    _JOIN.write(connection, {"consumer": consumer, "beats": 0})


def beat(connection: Connection, consumer: str) -> bool:
    """Say that it is alive; False if others have seen it dead meanwhile."""
    return _BEAT.write(connection, {"me": consumer}) == 1


def beats(connection: Connection) -> dict[str, int]:
    """The counter of each consumer."""
    return dict(_BEATS.rows(connection, {}))


def release(connection: Connection, consumer: str, seen_beats: int) -> int:
    """Free the jobs of a consumer that has not moved since; return how many.

    If it has moved, nothing changes.
    """
    gone = {"gone": consumer, "beats": seen_beats}
    if _BURY.write(connection, gone) != 1:
        return 0
    return _RELEASE.write(connection, gone)


def leave(connection: Connection, consumer: str) -> None:
    """At the end: whatever it still holds is free."""
    _LEAVE.write(connection, {"me": consumer})
    _RELEASE.write(connection, {"gone": consumer})


def depth(connection: Connection, queue: str) -> Depth:
    ((every, held, oldest_us),) = _COUNT.rows(connection, {"of": queue})
    return Depth(
        waiting=every - held, in_flight=held, oldest_us=oldest_us if every else None
    )


def _lost(job: Job) -> LeaseLostError:
    return LeaseLostError(
        f"{job.message.name} {job.message.id}: another consumer has it by now"
    )
