"""Jobs as rows: added, claimed, settled and released, each by one guarded statement.

A job is claimed by a consumer. Its number and the consumer's name are the fencing token
(`Receipt`): a consumer that was stopped or cut off, and comes back, finds that they no
longer match, and changes nothing.

A consumer is alive as long as its counter in `job_consumers` grows. Others compare that
with their own monotonic clock; no two clocks are compared.
"""

import json
from collections.abc import Collection, Sequence

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.dead_letters.tables import dead_letters_table
from shared_kernel.queues.port import Message, Receipt
from shared_kernel.queues.tables import (
    job_consumers_table,
    jobs_table,
    paused_queues_table,
)
from shared_kernel.storage.prepared import Prepared, Row, one_of

SOURCE = "queue"
"""Of the dead letters of queues; their positions are the numbers of the jobs."""

_metadata = sa.MetaData()
_JOBS = jobs_table(_metadata)
_CONSUMERS = job_consumers_table(_metadata)
_PAUSED = paused_queues_table(_metadata)
_LETTERS = dead_letters_table(_metadata)

_OF = _JOBS.c.queue == sa.bindparam("of")
_earlier = _JOBS.alias("earlier")
_FREE = (
    sa.select(_JOBS.c.number)
    .where(
        _OF,
        _JOBS.c.consumer.is_(None),
        # Later than anything waits: the clock of another machine has said so.
        sa.or_(
            _JOBS.c.due_us <= sa.bindparam("now_us"),
            _JOBS.c.due_us > sa.bindparam("latest_us"),
        ),
        ~sa.exists().where(_PAUSED.c.queue == sa.bindparam("of")),
        sa.or_(
            _JOBS.c.key.is_(None),
            ~sa.exists().where(
                _earlier.c.queue == _JOBS.c.queue,
                _earlier.c.key == _JOBS.c.key,
                _earlier.c.number < _JOBS.c.number,
            )
            # What waits behind a dead letter of its key stays in the queue.
            & ~sa.exists().where(
                _LETTERS.c.subscription == _JOBS.c.queue,
                _LETTERS.c.source == SOURCE,
                _LETTERS.c.key == _JOBS.c.key,
                _LETTERS.c.position < _JOBS.c.number,
            ),
        ),
    )
    .with_for_update(skip_locked=True, of=_JOBS)
)
_NEXT = (
    _FREE.where(_JOBS.c.number > sa.bindparam("floor"))
    .order_by(_JOBS.c.number)
    .limit(sa.bindparam("most", type_=sa.Integer))
)


def _claiming(free: sa.Select[tuple[int]]) -> Prepared:
    return Prepared(
        sa.update(_JOBS)
        .where(_JOBS.c.number.in_(free.scalar_subquery()))
        .values(consumer=sa.bindparam("me"), attempts=_JOBS.c.attempts + 1)
        .returning(
            _JOBS.c.number,
            _JOBS.c.attempts,
            _JOBS.c.id,
            _JOBS.c.name,
            _JOBS.c.payload,
            _JOBS.c.key,
            _JOBS.c.traceparent,
        )
    )


_CLAIM = _claiming(_NEXT)
_CLAIM_THOSE = _claiming(_FREE.where(one_of(_JOBS.c.id, "ids")))
_HELD = sa.and_(
    _JOBS.c.number == sa.bindparam("at"), _JOBS.c.consumer == sa.bindparam("me")
)
_HOLD = Prepared(sa.select(_JOBS.c.number).where(_HELD).with_for_update())
_ADD = Prepared(sa.insert(_JOBS))
_ADD_AGAIN = Prepared(sa.insert(_JOBS))
_TAKEN = Prepared(sa.select(_JOBS.c.id).where(_JOBS.c.number == sa.bindparam("at")))
_FINISH = Prepared(
    sa.delete(_JOBS)
    .where(one_of(_JOBS.c.number, "held"), _JOBS.c.consumer == sa.bindparam("me"))
    .returning(_JOBS.c.number)
)
_REJECT = Prepared(
    sa.update(_JOBS)
    .where(_HELD)
    .values(
        consumer=sa.null(),
        due_us=sa.bindparam("again_us"),
        attempts=_JOBS.c.attempts + sa.bindparam("more", type_=sa.Integer),
        failed_us=sa.func.coalesce(
            _JOBS.c.failed_us, sa.bindparam("failed_us", type_=sa.BigInteger)
        ),
    )
)
_TIMES = Prepared(sa.select(_JOBS.c.added_us, _JOBS.c.failed_us).where(_HELD))
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
_ALIVE = Prepared(
    sa.select(_CONSUMERS.c.consumer)
    .where(_CONSUMERS.c.consumer == sa.bindparam("me"))
    .with_for_update()
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


@attrs.frozen
class Due:
    """What is due at `now_us`; nothing waits longer than until `latest_us`."""

    now_us: int
    latest_us: int


@attrs.frozen
class Times:
    """When a job was added, and when it failed first: None if it has not."""

    added_us: int
    failed_us: int | None


def add(
    connection: Connection, queue: str, messages: Sequence[Message], now_us: int
) -> None:
    """In the caller's transaction (law 1)."""
    _ADD.send(connection, [_row(queue, each, now_us) for each in messages])


def add_again(
    connection: Connection,
    queue: str,
    numbered: Sequence[tuple[int, Message]],
    now_us: int,
) -> None:
    """Let dead letters be jobs again, with the numbers that they had.

    So they stand again before later ones of their keys. In a copy of the database a job
    may have such a number: then another one is given. In the caller's transaction.
    """
    for number, message in numbered:
        row = _row(queue, message, now_us)
        if _TAKEN.row(connection, {"at": number}) is None:
            _ADD_AGAIN.send(connection, [row | {"number": number}])
        else:
            _ADD.send(connection, [row])


def _row(queue: str, message: Message, now_us: int) -> dict[str, object]:
    return {
        "queue": queue,
        "id": message.id,
        "name": message.name,
        "payload": message.payload,
        "key": message.key,
        "added_us": now_us,
        "due_us": 0,
        "attempts": 0,
        "traceparent": message.traceparent,
    }


def claim(
    connection: Connection,
    queue: str,
    consumer: str,
    *,
    most: int,
    floor: int,
    due: Due,
) -> list[Message]:
    """At most `most` free and due jobs behind number `floor`, in order.

    None while the queue is paused.
    """
    asked = {"of": queue, "me": consumer, "most": most, "floor": floor}
    rows = _CLAIM.rows(connection, asked | attrs.asdict(due))
    return _claimed(rows, consumer)


def claim_those(
    connection: Connection,
    queue: str,
    consumer: str,
    ids: Sequence[str],
    due: Due,
) -> list[Message]:
    """Of the jobs with these ids, those that are free and due, in order."""
    asked = {"of": queue, "me": consumer, "ids": json.dumps(ids)}
    return _claimed(_CLAIM_THOSE.rows(connection, asked | attrs.asdict(due)), consumer)


def _claimed(rows: Sequence[Row], consumer: str) -> list[Message]:
    return [
        Message(
            id=id_,
            name=name,
            payload=payload,
            attempts=attempts,
            key=key,
            traceparent=traceparent,
            receipt=Receipt(number, consumer),
        )
        for number, attempts, id_, name, payload, key, traceparent in sorted(rows)
    ]


def finish(connection: Connection, receipts: Collection[Receipt]) -> set[Receipt]:
    """Delete those jobs; return those that were still held. The others are lost."""
    finished = set()
    for consumer in {each.consumer for each in receipts}:
        held = [each.number for each in receipts if each.consumer == consumer]
        asked = {"held": json.dumps(held), "me": consumer}
        rows = _FINISH.rows(connection, asked)
        finished |= {Receipt(number, consumer) for (number,) in rows}
    return finished


def hold(connection: Connection, receipt: Receipt) -> bool:
    """Keep others from claiming it until the transaction ends; False if it is lost."""
    held = {"at": receipt.number, "me": receipt.consumer}
    return _HOLD.row(connection, held) is not None


def reject(
    connection: Connection,
    receipt: Receipt,
    again_us: int,
    attempts: int = 0,
    failed_us: int | None = None,
) -> bool:
    """Let it be claimed again from that time on; False if it was not held any more.

    Its number of attempts changes by `attempts`. It failed at `failed_us`, None if that
    was not its fault.
    """
    held = {"at": receipt.number, "me": receipt.consumer}
    held |= {"again_us": again_us, "more": attempts, "failed_us": failed_us}
    return _REJECT.write(connection, held) == 1


def times_of(connection: Connection, receipt: Receipt) -> Times | None:
    """None if it is not held any more."""
    held = {"at": receipt.number, "me": receipt.consumer}
    row = _TIMES.row(connection, held)
    return None if row is None else Times(*row)


def join(connection: Connection, consumer: str) -> None:
    _JOIN.write(connection, {"consumer": consumer, "beats": 0})


def beat(connection: Connection, consumer: str) -> bool:
    """Say that it is alive; False if others have seen it dead meanwhile."""
    return _BEAT.write(connection, {"me": consumer}) == 1


def is_alive(connection: Connection, consumer: str) -> bool:
    """Whether no other has seen it dead; none does until the transaction ends."""
    return _ALIVE.row(connection, {"me": consumer}) is not None


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
