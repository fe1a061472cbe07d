"""A replay on PostgreSQL, with concurrent writes."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope
from shared_kernel.dead_letters import store as dead_letters
from shared_kernel.dead_letters.letter import LetterChangedError
from shared_kernel.events.entries import Entry
from shared_kernel.events.errors import UnreadableEventError
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.subscription import Subscription
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.storage.database import Database
from tests.cluster import wait_until
from tests.databases import Schemas
from tests.shared_kernel.events.builders import ManualClock

pytestmark = pytest.mark.server


class Reader:
    """Applies events; the first one fails until repaired. It can be made to wait."""

    def __init__(self) -> None:
        self.applied: list[int] = []
        self.ill = True
        self.may_go_on = threading.Event()
        self.is_at_it = threading.Event()

    def __call__(self, batch: Sequence[Envelope], _: Connection) -> None:
        for each in batch:
            if self.ill and each.position == 1:
                raise UnreadableEventError("x")
            self.is_at_it.set()
            assert self.may_go_on.wait(20)
            self.applied.append(each.position)


@pytest.fixture
def log(schemas: Schemas) -> Iterator[EventLog]:
    with closing(Database(schemas.url("catalog"))) as database:
        yield EventLog(database, "catalog")


@pytest.fixture
def subscriber(schemas: Schemas) -> Iterator[Database]:
    with closing(Database(schemas.url("inventory"))) as database:
        yield database


def record(log: EventLog) -> None:
    with log.database.writing() as connection:
        log.append(connection, [Entry("lamp.lit", "A", b"{}", None)], 1)
    log.settle()


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def subscription(log: EventLog, subscriber: Database, reader: Reader) -> Subscription:
    """A reader that has dead-lettered the first event of A."""
    record(log)
    clock = ManualClock()
    made = Subscription("listing", log, subscriber, reader, holder="one", clock=clock)
    made.step()
    reader.ill = False
    return made


@pytest.fixture
def letters(
    subscription: Subscription, subscriber: Database, reader: Reader
) -> DeadLetters:
    return DeadLetters(subscriber, {("listing", "catalog"): reader})


def waits(schemas: Schemas) -> bool:
    ((waiting,),) = schemas.server.execute(
        schemas.database,
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        f" AND datname = '{schemas.database}'",
    )
    return bool(waiting)


def while_replaying(
    letters: DeadLetters,
    reader: Reader,
    schemas: Schemas,
    meanwhile: Callable[[], object],
) -> object:
    with ThreadPoolExecutor(2) as threads:
        replaying = threads.submit(letters.replay, 1)
        assert reader.is_at_it.wait(20)
        doing: Future[object] = threads.submit(meanwhile)
        wait_until(lambda: doing.done() or waits(schemas), "what is done meanwhile")
        reader.may_go_on.set()
        assert replaying.result(20) == 1
        return doing.result(20)


def test_an_event_during_a_replay_does_not_park_behind_a_replayed_one(
    log: EventLog,
    subscription: Subscription,
    subscriber: Database,
    letters: DeadLetters,
    reader: Reader,
    schemas: Schemas,
) -> None:
    record(log)
    # The second event is delivered only now.
    subscription._announced = None

    while_replaying(letters, reader, schemas, subscription.step)
    subscription.step()

    with subscriber.reading() as connection:
        assert dead_letters.listed(connection) == []
    assert reader.applied == [1, 2]


def test_of_two_replays_of_a_letter_one_finds_it_gone(
    letters: DeadLetters, reader: Reader, schemas: Schemas
) -> None:
    def again() -> object:
        try:
            return letters.replay(1)
        except LetterChangedError as error:
            return type(error)

    done = while_replaying(letters, reader, schemas, again)

    assert done is LetterChangedError
    assert reader.applied == [1]
