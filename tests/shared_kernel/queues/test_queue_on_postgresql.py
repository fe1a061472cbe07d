"""What only PostgreSQL does: rows that are dead, but seen; statements that wait."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from shared_kernel.queues import jobs
from shared_kernel.queues.port import Message, Receipt
from shared_kernel.queues.sql import SqlQueue
from shared_kernel.storage.database import Database
from tests.cluster import wait_until
from tests.databases import Schemas
from tests.queues import AtOnce
from tests.shared_kernel.events.builders import ManualClock
from tests.shared_kernel.queues.builders import Heard, Later, a_database, sql_queue

pytestmark = pytest.mark.server

MANY, AT_ONCE = 3000, 100
_BLOCKS = """
    SELECT sum(pg_stat_get_xact_blocks_fetched(each::regclass))
    FROM unnest(ARRAY['jobs', 'jobs_free', 'jobs_pkey', 'jobs_key']) each"""
_WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND datname = current_database()"""


@pytest.fixture
def database(schemas: Schemas) -> Iterator[Database]:
    with a_database(schemas.url("new")) as database:
        yield database


@pytest.fixture
def queue(database: Database) -> SqlQueue:
    return sql_queue(database, "one", ManualClock())


def add_many(queue: SqlQueue) -> None:
    with queue.database.writing() as connection:
        given = [Message(name="greet", payload="a") for _ in range(MANY)]
        queue.add_within(connection, given)


def blocks_of_a_claim(queue: SqlQueue, floor: int) -> int:
    """Blocks of table and indexes that are touched to find that nothing is free."""
    with queue.database.writing() as connection:
        before = connection.exec_driver_sql(_BLOCKS).scalar_one()
        assert queue.claim(connection, AT_ONCE, floor) == []
        return int(connection.exec_driver_sql(_BLOCKS).scalar_one() - before)


def test_a_claim_does_not_walk_over_what_an_open_snapshot_keeps(
    schemas: Schemas, queue: SqlQueue
) -> None:
    """As beside a backup: what is deleted is not vacuumed."""
    add_many(queue)
    consumer = queue.consumer(AT_ONCE, Heard(), AtOnce())
    with closing(schemas.server.connect(schemas.database)) as snapshot:
        snapshot.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        snapshot.execute("SELECT count(*) FROM pg_class")
        while consumer.step():
            pass

        behind_the_floor = blocks_of_a_claim(queue, consumer._floor)
        from_the_beginning = blocks_of_a_claim(queue, 0)

    assert consumer._floor == MANY
    assert behind_the_floor < 20
    assert from_the_beginning > 10 * behind_the_floor


@pytest.mark.parametrize("first", ["finisher", "rescuer"])
def test_either_the_finisher_or_the_rescuer_wins(
    database: Database, queue: SqlQueue, first: str
) -> None:
    """river#1302: the second one waits for the first one's commit."""
    queue.add("greet", "a")
    queue.consumer(1, Heard(), Later()).step()
    receipt = Receipt(1, queue.lease.consumer)
    won: dict[str, bool] = {}

    def finish(wait: threading.Event) -> None:
        with database.writing() as connection:
            won["finisher"] = bool(jobs.finish(connection, [receipt]))
            wait.wait(10)

    def rescue(wait: threading.Event) -> None:
        with database.writing() as connection:
            seen = jobs.beats(connection)[receipt.consumer]
            won["rescuer"] = jobs.release(connection, receipt.consumer, seen) == 1
            wait.wait(10)

    winner, loser = (finish, rescue) if first == "finisher" else (rescue, finish)
    committing, at_once = threading.Event(), threading.Event()
    at_once.set()
    threads = [threading.Thread(target=winner, args=[committing])]
    threads[0].start()
    wait_until(lambda: first in won, "the first one")
    threads.append(threading.Thread(target=loser, args=[at_once]))
    threads[1].start()
    with database.reading() as connection:
        wait_until(
            lambda: connection.exec_driver_sql(_WAITING).scalar_one() == 1,
            "the second one",
        )
    committing.set()
    for thread in threads:
        thread.join(10)

    assert [name for name, has_won in won.items() if has_won] == [first]
    assert queue.depth().in_flight == 0
    assert queue.depth().waiting == (first == "rescuer")
