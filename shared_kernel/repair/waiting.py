"""What waits behind dead letters, wherever it waits.

Events are parked beside them, jobs of their key wait in their queue.
"""

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.dead_letters import causes, store
from shared_kernel.dead_letters.causes import Cause
from shared_kernel.dead_letters.letter import DEAD, DeadLetter
from shared_kernel.dead_letters.selection import LETTERS, Selection
from shared_kernel.queues import operating
from shared_kernel.queues.jobs import SOURCE
from shared_kernel.queues.tables import jobs_table

_JOBS = jobs_table(sa.MetaData())


def behind(connection: Connection, letter: DeadLetter) -> int:
    """How many wait behind `letter`; none, if it is parked itself."""
    parked = store.behind(connection, letter)
    if letter.state != DEAD or letter.envelope.source != SOURCE:
        return parked
    of, number = letter.envelope, letter.envelope.position
    return parked + operating.waiting_behind(
        connection, letter.subscription, of.key, number
    )


def clustered(connection: Connection, selection: Selection) -> list[Cause]:
    """As `causes.clustered`, with the jobs that wait behind letters of queues."""
    found = causes.clustered(connection, selection)
    jobs = _jobs_behind(connection, selection)
    return [
        attrs.evolve(
            each, parked=each.parked + jobs.get((each.subscription, each.cause), 0)
        )
        for each in found
    ]


def _jobs_behind(
    connection: Connection, selection: Selection
) -> dict[tuple[str, str], int]:
    """By queue and cause."""
    c = LETTERS.c
    chosen = sa.and_(selection.condition(), c.source == SOURCE, c.state == DEAD)
    # A database without queues has no jobs.
    if connection.execute(sa.select(c.number).where(chosen).limit(1)).first() is None:
        return {}
    of_key = sa.and_(
        _JOBS.c.queue == c.subscription,
        _JOBS.c.key == c.key,
        _JOBS.c.number > c.position,
    )
    statement = (
        sa.select(c.subscription, c.cause, sa.func.count())
        .join_from(LETTERS, _JOBS, of_key)
        .where(chosen)
        .group_by(c.subscription, c.cause)
    )
    rows = connection.execute(statement)
    return {(queue, cause): number for queue, cause, number in rows}
