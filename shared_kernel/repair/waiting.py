"""What waits behind a dead letter, wherever it waits."""

from sqlalchemy.engine import Connection

from shared_kernel.dead_letters import store
from shared_kernel.dead_letters.letter import DEAD, DeadLetter
from shared_kernel.queues import operating
from shared_kernel.queues.jobs import SOURCE


def behind(connection: Connection, letter: DeadLetter) -> int:
    """How many wait behind `letter`; none, if it is parked itself.

    Events are parked beside it, jobs of its key wait in their queue.
    """
    parked = store.behind(connection, letter)
    if letter.state != DEAD or letter.envelope.source != SOURCE:
        return parked
    of, number = letter.envelope, letter.envelope.position
    return parked + operating.waiting_behind(
        connection, letter.subscription, of.key, number
    )
