"""A minimal aggregate, with all that a unit of work needs."""

from collections.abc import Callable

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.domain.aggregate import Aggregate
from shared_kernel.domain.errors import DomainError
from shared_kernel.domain.event import DomainEvent
from shared_kernel.domain.sku import Sku
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.unit_of_work import SqlUnitOfWork
from shared_kernel.events.writer import Writer
from shared_kernel.storage.database import Database, Limits
from shared_kernel.storage.prepared import Prepared
from tests.shared_kernel.events.builders import ManualClock

MOST = 1000

_metadata = sa.MetaData()
_tallies = sa.Table(
    "tallies",
    _metadata,
    sa.Column("sku", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
)
_FIND = Prepared(
    sa.select(_tallies.c.version).where(_tallies.c.sku == sa.bindparam("wanted"))
)
_PUT = Prepared(
    sa.text(
        "INSERT INTO tallies (sku, version) VALUES (:code, :becomes)"
        " ON CONFLICT (sku) DO UPDATE SET version = excluded.version"
    )
)
_ALL = Prepared(sa.select(_tallies.c.sku, _tallies.c.version))


@attrs.frozen(kw_only=True)
class TallyIsFull(DomainError):
    pass


@attrs.frozen(kw_only=True)
class Ticked(DomainEvent):
    sku: Sku


@attrs.frozen(kw_only=True)
class TallyTicked:
    sku: str
    version: int


@attrs.define(eq=False, kw_only=True)
class Tally(Aggregate):
    sku: Sku

    @property
    def key(self) -> str:
        return self.sku.code

    def tick(self) -> None:
        if self.version == MOST:
            raise TallyIsFull

        self.record(Ticked(sku=self.sku))


class SqlTallyRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, Tally] = {}

    def get(self, code: str) -> Tally:
        if code not in self._known:
            row = _FIND.row(self._connection, {"wanted": code})
            self._known[code] = Tally(sku=Sku(code), version=row[0] if row else 0)
        return self._known[code]

    def changed(self) -> list[Tally]:
        return list(self._known.values())

    def flush(self) -> None:
        rows = [
            {"code": code, "becomes": tally.version}
            for code, tally in self._known.items()
        ]
        _PUT.write_all(self._connection, rows)


def publish(event: DomainEvent, version: int, tally: Tally) -> tuple[str, object]:
    return "tally.ticked", TallyTicked(sku=tally.sku.code, version=version)


class SqlTallyUnitOfWork(SqlUnitOfWork[Tally]):
    def __init__(self, connection: Connection, log: EventLog) -> None:
        self.tallies = SqlTallyRepository(connection)
        super().__init__(connection, log, self.tallies, publish, ManualClock())


@attrs.frozen(kw_only=True)
class Tick:
    code: str = "LAMP-0001"
    times: int = 1
    then: Callable[[], None] = lambda: None


def tick(command: Tick, work: SqlTallyUnitOfWork) -> int:
    with work:
        tally = work.tallies.get(command.code)
        for _ in range(command.times):
            tally.tick()
        command.then()
        work.commit()
        return tally.version


@attrs.frozen
class Tallies:
    """A database with tallies, its log, and the writer of both."""

    database: Database
    log: EventLog
    writer: Writer[SqlTallyUnitOfWork]

    def stored(self) -> dict[str, int]:
        with self.database.reading() as connection:
            return dict(_ALL.rows(connection, {}))

    def logged(self) -> list[tuple[str, bytes]]:
        return [(each.key, each.data) for each in self.log.read(0, 100_000)]


def some_tallies(
    url: str, on_commit: Callable[[], None], limits: Limits | None = None
) -> Tallies:
    """In a database that has a log already."""
    database = Database(url, synchronous="NORMAL", limits=limits)
    with database.writing() as connection:
        _metadata.create_all(connection)
    log = EventLog(database, "tallies")
    writer = Writer(
        database, log, lambda connection: SqlTallyUnitOfWork(connection, log), on_commit
    )
    return Tallies(database, log, writer)
