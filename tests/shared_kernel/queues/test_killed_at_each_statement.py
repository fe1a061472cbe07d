"""A worker is killed before each of its statements: each effect is there once.

Statements are those of joining, claiming, effects, acknowledging, settling, leaving,
and each commit.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from shared_kernel.dead_letters.store import listed
from shared_kernel.queues.lease import BEAT_US, LEASE_US
from shared_kernel.queues.port import Message
from shared_kernel.queues.sql import SqlQueue
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared
from tests.killing import killed_before
from tests.queues import AtOnce
from tests.shared_kernel.events.builders import ManualClock
from tests.shared_kernel.queues.builders import a_database, idle, sql_queue

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.proof_on("postgresql"),
]

PAYLOADS = ["a", "b"]
FAILS_ONCE = "b"
MOST_STATEMENTS = 200
_EFFECT = Prepared(sa.text("INSERT INTO effects (payload) VALUES (:payload)"))
_EFFECTS = Prepared(sa.text("SELECT payload FROM effects"))
_EMPTY = ("effects", "jobs", "job_consumers", "dead_letters")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("schemas").url("new")
    with a_database(url) as database, database.maintaining() as connection:
        connection.exec_driver_sql("CREATE TABLE effects (payload TEXT)")
    return url


def effect_of(queue: SqlQueue) -> Callable[[Message], None]:
    """Commits with the acknowledgement. One message fails at its first attempt."""

    def work(message: Message) -> None:
        if message.payload == FAILS_ONCE and message.attempts == 1:
            raise ValueError(message.payload)
        with queue.database.writing() as connection:
            _EFFECT.write(connection, {"payload": message.payload})
            queue.acknowledge(connection, message)

    return work


def consume(url: str) -> None:
    database, clock = Database(url), ManualClock()
    queue = sql_queue(database, "worker", clock)
    consumer = queue.consumer(2, effect_of(queue), AtOnce())
    for _ in range(2):
        idle(consumer)
        clock.advance(BEAT_US / 1_000_000)
    consumer.end()
    database.close()


def begin_anew(url: str) -> None:
    database = Database(url)
    with database.writing() as connection:
        for table in _EMPTY:
            connection.exec_driver_sql(f"DELETE FROM {table}")
    queue = sql_queue(database, "adding", ManualClock())
    for payload in PAYLOADS:
        queue.add_message(Message(name="greet", payload=payload, key="one"))
    database.close()


def effects_after_another_worker(url: str) -> Iterator[str]:
    database, clock = Database(url), ManualClock()
    queue = sql_queue(database, "other", clock)
    consumer = queue.consumer(2, effect_of(queue), AtOnce())
    for _ in range(LEASE_US // BEAT_US + 5):
        idle(consumer)
        clock.advance(BEAT_US / 1_000_000)
    consumer.end()
    with database.reading() as connection:
        yield from [payload for (payload,) in _EFFECTS.rows(connection, {})]
        assert listed(connection) == []
    depth = queue.depth()
    assert (depth.waiting, depth.in_flight) == (0, 0)
    database.close()


def test_each_effect_is_there_once_and_nothing_is_stuck(url: str) -> None:
    statement, killed = 0, True
    while killed:
        begin_anew(url)
        killed = killed_before(statement, partial(consume, url))
        assert sorted(effects_after_another_worker(url)) == PAYLOADS, statement
        statement += 1

    assert 15 < statement < MOST_STATEMENTS, statement
