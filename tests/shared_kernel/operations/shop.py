"""A service with a log and one subscription, which can be made to fail."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import attrs
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from shared_kernel.buses.envelope import heartbeat
from shared_kernel.buses.in_process import InProcessBus
from shared_kernel.buses.port import Delivery, EventBus
from shared_kernel.clock import to_us
from shared_kernel.events.entries import Entry
from shared_kernel.events.errors import UnreadableEventError
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.relay import Relay
from shared_kernel.events.subscription import Subscription
from shared_kernel.events.versions import Versions
from shared_kernel.operations.operations_http import Operations, operations_api
from shared_kernel.repair.payloads import PublishedPayloads
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.runtime.service import Edges, WritingService
from shared_kernel.runtime.workers import Workers
from shared_kernel.storage.database import Database
from shared_kernel.storage.postgresql import PostgresStore
from shared_kernel.web.routes import Api, set_up_web
from tests.databases import Databases, Files
from tests.shared_kernel.events.builders import Failing, ManualClock, a_database

NAME = "shop"
LISTING = "shop.listing"
HOLDER = "here:1"


@attrs.frozen
class LampLit:
    """What is published of a lamp."""

    sku: str
    watts: int | None = None


@attrs.frozen
class Shop:
    service: WritingService
    source: Database
    reader: Database
    failing: Failing
    clock: ManualClock
    followed: int = 7

    @property
    def log(self) -> EventLog:
        return self.service.log

    @property
    def subscription(self) -> Subscription:
        return self.service.subscriptions[0]

    def record(self, *keys: str, data: bytes | None = None) -> None:
        """Record an event for each of `keys`."""
        entries = [
            Entry("lamp.lit", key, data or b'{"sku":"%b"}' % key.encode(), None)
            for key in keys
        ]
        with self.source.writing() as connection:
            appended = self.log.append(connection, entries, to_us(self.clock()))
        self.log.settle(appended)

    def publish(self) -> None:
        """Publish all recorded events, and save the relay's position."""
        self.service.relay.step()
        self.service.relay.save()

    def read(self) -> None:
        """Step the subscription until it has read to the end of the log."""
        end = heartbeat(self.log.source, self.log.head(), to_us(self.clock()))
        self.subscription.deliver(Delivery([end], from_log=True))
        while self.subscription.step():
            pass

    def dead_letter(self, *keys: str, why: str = "the bulb is gone") -> None:
        """Record events for `keys`; dead-letter the first, park the rest of its key."""
        self.failing.positions = {self.log.head() + 1}
        self.failing.error = lambda: UnreadableEventError(why)
        self.record(*keys)
        self.read()

    def repair(self) -> None:
        self.failing.positions = set()

    def destroy(self, database: Database) -> str:
        """Destroy a database; return the message that users see."""
        if isinstance(database.store, PostgresStore):
            return _drop_all(database, database.store.schema)
        database.close()
        file = Path(database.url.removeprefix("sqlite:///"))
        for each in file.parent.glob(file.name + "-*"):
            each.unlink()
        file.write_bytes(b"this is no database " * 500)
        return "a database does not answer: file is not a database"


@contextmanager
def a_shop(
    where: Databases | Path,
    name: str = NAME,
    holder: str = HOLDER,
    bus: EventBus | None = None,
) -> Iterator[Shop]:
    """A new shop, or the existing one, as another process sees it.

    In a folder it is on SQLite.
    """
    databases = Files(where) if isinstance(where, Path) else where
    clock, failing = ManualClock(), Failing()
    bus = bus or InProcessBus()
    with (
        a_database(databases.url("catalog")) as source,
        a_database(databases.url("inventory")) as reader,
    ):
        log = EventLog(source, name)
        subscription = Subscription(
            f"{name}.listing", log, reader, failing, holder=holder, clock=clock
        )
        check = PublishedPayloads({"lamp.lit": LampLit}, Versions(), {})
        letters = DeadLetters(
            reader,
            {(subscription.name, name): failing},
            clock,
            checks={(subscription.name, name): check},
        )
        service = WritingService(
            name=name,
            bus=bus,
            log=log,
            relay=Relay(log, bus, clock, holder=holder),
            subscriptions=(subscription,),
            background_jobs=(),
            dead_letters={f"{name}_read": letters},
            databases=(source, reader),
            writer=cast(Any, None),
            edges=Edges(api=partial(Api, name, {}, {})),
        )
        yield Shop(service, source, reader, failing, clock)


def _drop_all(database: Database, schema: str) -> str:
    with database.maintaining() as connection:
        (revision,) = connection.exec_driver_sql(
            "SELECT version_num FROM alembic_version"
        ).one()
        connection.exec_driver_sql(f'DROP SCHEMA "{schema}" CASCADE')
    database.expect(revision)
    return (
        f"{database.shown} has no tables yet, this version needs {revision}: run "
        "`flask --app app database upgrade`"
    )


def workers_that_run() -> Workers:
    workers = Workers()
    workers.start()
    return workers


def a_client(shop: Shop, workers: Workers | None = None, **more: Any) -> FlaskClient:
    return an_application(shop, workers, **more).test_client()


def an_application(shop: Shop, workers: Workers | None = None, **more: Any) -> Flask:
    """Its operations; `more` are fields of Operations."""
    app = Flask("shop")
    set_up_web(app)
    operations = Operations(
        services=(shop.service,),
        workers=workers or Workers(),
        clock=shop.clock,
        **more,
    )
    app.register_blueprint(operations_api(operations).blueprint)
    return app


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The address at which another process would have `app`."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=[0.02])
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
