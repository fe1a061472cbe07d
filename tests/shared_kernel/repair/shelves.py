"""Two subscriptions that write the same rows of one database, and can be made to fail.

`labels` and `places` read the log of `shop`. An event says what is done with a shelf:
`put` a name on it, `add` one (refused if it has another name), `rename` it (refused if
it has none), `clear` it, or `print` the name: that `labels` puts, and `places` renames.
Its key need not be the shelf.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import attrs
import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope, heartbeat
from shared_kernel.buses.port import Delivery
from shared_kernel.clock import to_us
from shared_kernel.dead_letters.letter import DEAD
from shared_kernel.dead_letters.selection import Selection
from shared_kernel.events.entries import Entry
from shared_kernel.events.errors import UnreadableEventError
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.subscription import Subscription
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared
from tests.databases import Databases
from tests.shared_kernel.events.builders import NOON, SOURCE, ManualClock, a_database

LABELS, PLACES = "labels", "places"
READERS = (LABELS, PLACES)
EVERY = Selection()

_metadata = sa.MetaData()
_shelves = sa.Table(
    "shelves",
    _metadata,
    sa.Column("shelf", sa.Text, primary_key=True),
    sa.Column("name", sa.Text),
)
_PUT = Prepared(
    sa.text(
        "INSERT INTO shelves (shelf, name) VALUES (:shelf, :name)"
        " ON CONFLICT (shelf) DO UPDATE SET name = excluded.name"
    )
)
_CLEAR = Prepared(sa.text("DELETE FROM shelves WHERE shelf = :shelf"))
_NAME = Prepared(sa.text("SELECT name FROM shelves WHERE shelf = :shelf"))
_ALL = Prepared(sa.text("SELECT shelf, name FROM shelves"))
_EMPTY = ("shelves", "dead_letters", "subscription_cursors", "event_log")


class ShelfIsTakenError(UnreadableEventError):
    pass


class NoSuchShelfError(UnreadableEventError):
    pass


@attrs.frozen
class Done:
    """What an event says, as its payload."""

    what: str
    shelf: str
    name: str = "lamps"


@attrs.define
class Shelves:
    """`broken` are subscriptions and positions of what they cannot read."""

    log: EventLog
    database: Database
    broken: set[tuple[str, int]] = attrs.field(factory=set)

    @property
    def letters(self) -> DeadLetters:
        return DeadLetters(
            self.database,
            {(name, SOURCE): partial(self.apply, name) for name in READERS},
        )

    def record(self, key: str, *done: Done) -> None:
        entries = [
            Entry(f"shelf.{each.what}", key, msgspec.json.encode(each), None)
            for each in done
        ]
        with self.log.database.writing() as connection:
            appended = self.log.append(connection, entries, to_us(NOON))
        self.log.settle(appended)

    def read(self, *names: str) -> None:
        """Let these subscriptions, or all, read to the end of the log."""
        for name in names or READERS:
            reader = Subscription(
                name,
                self.log,
                self.database,
                partial(self.apply, name),
                holder="one",
                clock=ManualClock(),
            )
            end = heartbeat(SOURCE, self.log.head(), to_us(NOON))
            reader.deliver(Delivery([end], from_log=True))
            while reader.step():
                pass

    def fail(self, *positions: int, reader: str = LABELS) -> None:
        """From now on, these positions and no others."""
        self.broken = {(reader, position) for position in positions}

    def apply(
        self, reader: str, batch: Sequence[Envelope], connection: Connection
    ) -> None:
        for envelope in batch:
            done = msgspec.json.decode(envelope.data, type=Done)
            _do(done, reader, connection)
            if (reader, envelope.position) in self.broken:
                raise UnreadableEventError("the label is smeared")

    def names(self) -> dict[str, str]:
        """By shelf."""
        with self.database.reading() as connection:
            return dict(_ALL.rows(connection, {}))

    def dead(self) -> list[int]:
        """The numbers of dead letters."""
        return [each.number for each in self.letters.list() if each.state == DEAD]

    def empty(self) -> None:
        """As it was made, for another example."""
        self.broken = set()
        for database in (self.log.database, self.database):
            with database.writing() as connection:
                for table in _EMPTY:
                    if sa.inspect(connection).has_table(table):
                        connection.exec_driver_sql(f"DELETE FROM {table}")


@contextmanager
def shelves(databases: Databases) -> Iterator[Shelves]:
    with (
        a_database(databases.url("catalog")) as source,
        a_database(databases.url("inventory")) as database,
    ):
        with database.writing() as connection:
            _metadata.create_all(connection)
        yield Shelves(EventLog(source, SOURCE), database)


def _do(done: Done, reader: str, connection: Connection) -> None:
    shelf = {"shelf": done.shelf}
    there = _NAME.row(connection, shelf)
    what = (
        {LABELS: "put", PLACES: "rename"}[reader] if done.what == "print" else done.what
    )
    match what:
        case "add" if there and there[0] != done.name:
            raise ShelfIsTakenError(f"{done.shelf} is for {there[0]}")
        case "rename" if there is None:
            raise NoSuchShelfError(done.shelf)
        case "clear":
            _CLEAR.write(connection, shelf)
        case _:
            _PUT.write(connection, shelf | {"name": done.name})
