"""Several replicas of everything on one set of PostgreSQL databases."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import pytest
from sqlalchemy.engine import Connection

from app import Settings, assemble
from catalog.application import commands as catalog
from catalog.application import handlers as catalog_handlers
from catalog.domain.value_objects import OpeningStock, ProductName
from inventory.application import commands as inventory
from inventory.application import handlers as inventory_handlers
from inventory.domain.value_objects import Quantity
from shared_kernel.clock import system_clock
from shared_kernel.domain.sku import Sku
from shared_kernel.events.positions import AfterCommit
from shared_kernel.runtime.running import RunningServices
from shared_kernel.serving.application import web_application
from shared_kernel.storage import retry
from shared_kernel.storage.errors import (
    ConnectionLostError,
    OutcomeUnknownError,
)
from shared_kernel.storage.postgresql import PostgresStore
from shared_kernel.web import commands as web_commands
from tests.cluster import wait_until
from tests.databases import Schemas
from tests.simulation.laws import read_log, violations
from tests.web_clients import a_product, problem

pytestmark = pytest.mark.server

LAMP = Sku("LAMP-1")


@contextmanager
def replicas(schemas: Schemas, how_many: int) -> Iterator[list[RunningServices]]:
    settings = Settings.from_environment(
        {**schemas.environment, "CONSISTENCY_TIMEOUT_MS": "100"}
    )
    with ExitStack() as stack:
        made = []
        for number in range(how_many):
            storehouse = assemble(settings, holder=f"replica {number}")
            stack.callback(storehouse.stop)
            made.append(storehouse)
        yield made


@pytest.fixture
def two(schemas: Schemas) -> Iterator[list[RunningServices]]:
    with replicas(schemas, 2) as made:
        yield made


@pytest.fixture
def one(schemas: Schemas) -> Iterator[RunningServices]:
    with replicas(schemas, 1) as (made,):
        yield made


def register(storehouse: RunningServices, sku: Sku = LAMP, pieces: int = 5) -> int:
    command = catalog.RegisterProduct(
        sku=sku, name=ProductName("Lamp"), opening_stock=OpeningStock(pieces)
    )
    handler = catalog_handlers.register_product
    return storehouse.context("catalog").writer.execute(handler, command).position


def receive(storehouse: RunningServices, pieces: int = 1, sku: Sku = LAMP) -> int:
    command = inventory.ReceiveStock(
        sku=sku, quantity=Quantity(pieces), at=system_clock()
    )
    handler = inventory_handlers.receive_stock
    return storehouse.context("inventory").writer.execute(handler, command).position


def on_hand(schemas: Schemas) -> int:
    ((found,),) = schemas.rows("inventory", "SELECT on_hand FROM stock_items")
    return int(found)


def hang_up(schemas: Schemas) -> None:
    schemas.server.execute(
        schemas.database,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        f" WHERE datname = '{schemas.database}' AND pid <> pg_backend_pid()",
    )


def times(storehouse: RunningServices, type_: str) -> int:
    """How often it is in inventory's log."""
    log = storehouse.context("inventory").log
    log.settle()
    return [each.type for each in log.read(0, 10_000)].count(type_)


def test_commands_on_one_stock_item_in_many_processes_all_count(
    schemas: Schemas, two: list[RunningServices]
) -> None:
    register(two[0])
    two[0].workers.run_until_idle()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: receive(two[n % 2]), range(40)))

    assert on_hand(schemas) == 45
    assert times(two[0], "stock.received") == 40


def test_everything_is_handled_once_whichever_replica_has_the_lease(
    schemas: Schemas, two: list[RunningServices]
) -> None:
    for storehouse in two:
        storehouse.start()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: register(two[n % 2], Sku(f"LAMP-{n}")), range(100)))

    wait_until(lambda: violations(schemas) == [], "rest")
    opened = Counter(
        event.key
        for event in read_log(schemas, "inventory")
        if event.type == "stock.opened"
    )
    assert opened == {f"LAMP-{n}": 1 for n in range(100)}


def test_a_commit_of_one_replica_wakes_the_relay_of_the_other(
    schemas: Schemas, two: list[RunningServices]
) -> None:
    """Polling once a second would take half a second on average."""
    leader, other = two
    leader.start()
    register(other, Sku("FIRST"))
    wait_until(lambda: violations(schemas) == [], "rest")

    def has_come_to(position: int) -> bool:
        return (
            leader.service("catalog-queries").subscriptions[0].cursor.saved()
            >= position
        )

    took_s = []
    for number in range(10):
        begun = time.monotonic()
        position = register(other, Sku(f"LAMP-{number}"))
        wait_until(partial(has_come_to, position), "the listing")
        took_s.append(time.monotonic() - begun)

    assert sorted(took_s)[5] < 0.25


def test_a_read_waits_for_caused_events_that_have_no_position_yet(
    one: RunningServices,
) -> None:
    """Reading one's own writes between a commit and the giving of its position."""
    position = register(one)
    (of_catalog, _) = one.context("inventory").subscriptions
    while of_catalog.cursor.saved() < position:
        of_catalog.step()
    one.service("catalog-queries").subscriptions[0].step()

    answer = (
        web_application(one)
        .test_client()
        .get("/products/LAMP-1", headers={"Consistency-Token": f"catalog:{position}"})
    )

    behind = problem(answer, 503, "read-model-behind")
    assert (behind["source"], behind["wanted"], behind["reached"]) == (
        "inventory",
        1,
        0,
    )


def test_a_replica_that_is_gone_is_replaced_within_seconds(
    schemas: Schemas, two: list[RunningServices]
) -> None:
    crashed, successor = two
    crashed.workers.run_until_idle()
    # It holds all leases, and releases none of them.
    for service in crashed.services:
        service.close()
    register(successor)
    successor.start()

    begun = time.monotonic()
    wait_until(lambda: violations(schemas) == [], "rest")
    assert time.monotonic() - begun < 6


def test_a_command_does_not_notice_that_its_connection_was_closed(
    schemas: Schemas, one: RunningServices
) -> None:
    register(one)
    one.workers.run_until_idle()

    for _ in range(3):
        hang_up(schemas)
        receive(one)

    assert on_hand(schemas) == 8
    assert times(one, "stock.received") == 3


def interrupt(
    patch: pytest.MonkeyPatch,
    instead: Callable[[Callable[[], None], Connection], None],
) -> list[None]:
    """Interfere with the first commit of a transaction that appended."""
    commit = PostgresStore._commit
    interrupted: list[None] = []

    def interrupted_commit(store: PostgresStore, connection: Connection) -> None:
        if interrupted:
            commit(store, connection)
            return
        interrupted.append(None)
        instead(lambda: commit(store, connection), connection)

    patch.setattr(PostgresStore, "_commit", interrupted_commit)
    return interrupted


def test_a_command_whose_connection_broke_before_the_commit_is_done_once(
    schemas: Schemas, one: RunningServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(one)
    one.workers.run_until_idle()

    def break_off(commit: Callable[[], None], _: Connection) -> None:
        hang_up(schemas)
        commit()

    interrupted = interrupt(monkeypatch, break_off)
    assert receive(one) == 2

    assert interrupted
    assert on_hand(schemas) == 6
    assert times(one, "stock.received") == 1


def test_a_command_whose_answer_was_lost_in_the_commit_is_done_once(
    schemas: Schemas, one: RunningServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(one)
    one.workers.run_until_idle()

    def lose_the_answer(commit: Callable[[], None], connection: Connection) -> None:
        commit()
        connection.invalidate()
        raise OutcomeUnknownError

    interrupted = interrupt(monkeypatch, lose_the_answer)
    assert receive(one) == 2

    assert interrupted
    assert on_hand(schemas) == 6
    assert times(one, "stock.received") == 1


def test_an_outcome_that_stays_unknown_is_reported(
    schemas: Schemas, one: RunningServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transaction may still be open if the server has not noticed the break."""
    register(one)
    one.workers.run_until_idle()
    monkeypatch.setitem(retry.RETRIES, "timeout", 0.1)
    monkeypatch.setattr(AfterCommit, "_is_open", lambda *_: True)

    def break_off(_: Callable[[], None], connection: Connection) -> None:
        connection.invalidate()
        raise OutcomeUnknownError("in the middle")

    interrupt(monkeypatch, break_off)
    request = (
        web_application(one)
        .test_client()
        .post("/stock/LAMP-1/receipts", json={"quantity": 1})
    )
    problem(request, 503, "outcome-unknown")
    assert request.headers["Retry-After"] == "1"

    assert receive(one) == 2
    assert on_hand(schemas) == 6


def test_a_repeated_request_is_answered_the_same_by_every_replica_and_done_once(
    two: list[RunningServices],
) -> None:
    clients = [web_application(storehouse).test_client() for storehouse in two]
    for number in range(20):
        body = a_product(sku=f"LAMP-{number}")
        key = {"Idempotency-Key": f"key-{number}"}
        together = threading.Barrier(2)

        def ask(
            place: int,
            body: dict[str, Any] = body,
            key: dict[str, str] = key,
            together: threading.Barrier = together,
        ) -> tuple[int, bytes, str]:
            together.wait(10)
            answer = clients[place].post("/products", json=body, headers=key)
            return answer.status_code, answer.data, answer.headers.get("ETag", "")

        with ThreadPoolExecutor(2) as threads:
            first, second = threads.map(ask, range(2))

        assert first == second
        assert first[0] == 201
    log = two[0].context("catalog").log
    assert log.head() == 20
    answer = clients[1].post(
        "/products", json=a_product(sku="OTHER"), headers={"Idempotency-Key": "key-1"}
    )
    problem(answer, 422, "idempotency-key-reused")


def test_a_concurrent_repetition_is_not_refused(
    two: list[RunningServices], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one commits after the second has looked for its key."""
    clients = [web_application(storehouse).test_client() for storehouse in two]
    tell, answers = web_commands._stored_answer, []

    def ask(place: int) -> tuple[int, bytes]:
        answer = clients[place].post(
            "/products", json=a_product(), headers={"Idempotency-Key": "once"}
        )
        return answer.status_code, answer.data

    def tell_slowly(*asked: Any) -> Any:
        stored = tell(*asked)
        monkeypatch.undo()
        answers.append(ask(0))
        return stored

    monkeypatch.setattr(web_commands, "_stored_answer", tell_slowly)
    answers.append(ask(1))

    assert answers[0] == answers[1]
    assert answers[0][0] == 201
    assert two[0].context("catalog").log.head() == 1


@pytest.mark.parametrize("path", ["/products/%00", "/stock/%00", "/stock?id=%00"])
def test_a_sku_that_the_database_cannot_store_is_not_found(
    one: RunningServices, path: str
) -> None:
    client = web_application(one).test_client()

    assert client.get(path).status_code == 404
    assert client.get("/products?q=%00").get_json() == []


def test_an_unreachable_database_server_is_a_503_with_retry_after(
    one: RunningServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(retry.RETRIES, "timeout", 0.1)

    def refuse(_: PostgresStore) -> Connection:
        raise ConnectionLostError("nobody there")

    monkeypatch.setattr(PostgresStore, "_connect", refuse)
    client = web_application(one).test_client()

    for answer in (client.post("/products", json=a_product()), client.get("/products")):
        problem(answer, 503, "unavailable")
        assert answer.headers["Retry-After"] == "1"
