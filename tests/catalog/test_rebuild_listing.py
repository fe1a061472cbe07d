"""`flask --app app catalog rebuild-listing`: a new listing replaces the old one."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from catalog.adapters import listing_indexes, rebuild_listing
from catalog.adapters.excluded_keys import DeadLettersChangedError
from catalog.adapters.rebuild_listing import AnotherRebuildError, ListingRebuild
from shared_kernel.clock import Clock, system_clock
from shared_kernel.dead_letters import store as dead_letters
from shared_kernel.dead_letters.letter import DEAD, PARKED
from shared_kernel.events.cursors import Place, overtake
from shared_kernel.events.entries import Entry
from shared_kernel.runtime.running import RunningServices
from shared_kernel.storage.database import Database, Limits
from tests.catalog.listings import listed, rows_of_listing
from tests.databases import Databases, Schemas
from tests.shared_kernel.events.builders import ManualClock
from tests.storehouses import (
    SUPERSTORE,
    Crash,
    Moment,
    a_csv,
    a_storehouse,
    crash_at_commit,
    run,
)

Write = Callable[[Connection], None]


def a_rebuild(
    storehouse: RunningServices,
    holder: str = "rebuilder",
    *,
    database: Database | None = None,
    clock: Clock = system_clock,
) -> ListingRebuild:
    return ListingRebuild(
        "catalog.listing",
        storehouse.context("catalog").log,
        storehouse.context("inventory").log,
        database or storehouse.service("catalog-queries").databases[0],
        holder=holder,
        clock=clock,
        sleep=(
            clock.advance if isinstance(clock, ManualClock) else threading.Event().wait
        ),
    )


def register(storehouse: RunningServices, folder: Path, *skus: str) -> None:
    rows = [[sku, sku.title(), "2"] for sku in skus]
    file = a_csv(folder / "products.csv", "sku,name,stock_count", rows)
    assert run(storehouse.context("catalog").cli, "import", file).exit_code == 0


def ship(
    storehouse: RunningServices, folder: Path, *lines: tuple[str, str, int]
) -> None:
    file = a_csv(folder / "orders.csv", "order,sku,quantity", lines)
    assert (
        run(storehouse.context("inventory").cli, "replay-orders", file).exit_code == 0
    )


def publish(storehouse: RunningServices, type_: str, key: str, data: bytes) -> None:
    """An event that only a faulty catalog would publish."""
    log, [database] = (
        storehouse.context("catalog").log,
        storehouse.context("catalog").databases,
    )
    with database.writing() as connection:
        log.append(connection, [Entry(type_, key, data, None)], 1)
    log.settle()
    storehouse.runtime.on_commit()
    storehouse.workers.run_until_idle()


def letters(storehouse: RunningServices) -> list[tuple[str, int, str]]:
    return [
        (letter.envelope.key, letter.envelope.position, letter.state)
        for letter in storehouse.service("catalog-queries")
        .dead_letters["catalog_read"]
        .list()
    ]


@pytest.fixture
def storehouse(databases: Databases, tmp_path: Path) -> Iterator[RunningServices]:
    """Six products; of three the stock was shipped."""
    with a_storehouse(databases) as storehouse:
        register(storehouse, tmp_path, "A", "B", "C", "D", "E", "F")
        ship(storehouse, tmp_path, ("1", "A", 2), ("2", "B", 2), ("3", "C", 2))
        yield storehouse


@pytest.mark.proof_on("postgresql")
@pytest.mark.slow
def test_the_real_listing_is_rebuilt_unchanged(
    databases: Databases, tmp_path: Path
) -> None:
    refused = tmp_path / "refused.csv"
    with a_storehouse(databases) as storehouse:
        products = SUPERSTORE / "products.csv"
        run(storehouse.context("catalog").cli, "import", products, "--refused", refused)
        lines = SUPERSTORE / "order_lines.csv"
        run(
            storehouse.context("inventory").cli,
            "replay-orders",
            lines,
            "--refused",
            refused,
        )
        before = rows_of_listing(storehouse)

        result = run(storehouse.service("catalog-queries").cli, "rebuild-listing")

        assert result.exit_code == 0
        assert result.stdout.startswith("Rebuilt from 25,574 events in ")
        assert rows_of_listing(storehouse) == before
        assert {row["availability"] for row in listed(storehouse)} == {"out_of_stock"}


def test_rows_written_early_are_loaded_again_for_later_events(
    storehouse: RunningServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild_listing, "BATCH", 2)
    monkeypatch.setattr(rebuild_listing, "ROWS_HELD", 1)
    before = rows_of_listing(storehouse)

    run(storehouse.service("catalog-queries").cli, "rebuild-listing")

    assert rows_of_listing(storehouse) == before


def test_the_listing_is_updated_after_a_rebuild(
    storehouse: RunningServices, tmp_path: Path
) -> None:
    run(storehouse.service("catalog-queries").cli, "rebuild-listing")

    register(storehouse, tmp_path, "G")
    ship(storehouse, tmp_path, ("4", "D", 2))

    assert [(row["code"], row["availability"]) for row in listed(storehouse)] == [
        ("A", "out_of_stock"),
        ("B", "out_of_stock"),
        ("C", "out_of_stock"),
        ("D", "out_of_stock"),
        ("E", "in_stock"),
        ("F", "in_stock"),
        ("G", "in_stock"),
    ]


def test_a_rebuild_beside_a_running_server_gives_the_same_listing(
    storehouse: RunningServices,
    databases: Databases,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rebuild_listing, "BATCH", 2)
    with a_storehouse(databases) as other_process:
        rebuild = a_rebuild(other_process)
        new = iter(range(1000))

        def meanwhile() -> None:
            if (number := next(new)) < 8:
                register(storehouse, tmp_path, f"NEW-{number}")
                ship(storehouse, tmp_path, (f"N{number}", f"NEW-{number}", 1))

        rebuild.run(meanwhile)
        assert next(new) > 8
        register(storehouse, tmp_path, "LAST")

    beside = rows_of_listing(storehouse)
    run(storehouse.service("catalog-queries").cli, "rebuild-listing")
    assert beside == rows_of_listing(storehouse)
    assert len(listed(storehouse)) == 6 + 8 + 1


def test_a_rebuild_that_is_behind_the_listing_in_use_is_not_swapped_in(
    storehouse: RunningServices, tmp_path: Path
) -> None:
    rebuild = a_rebuild(storehouse)
    rebuild.begin()
    while rebuild.step():
        pass
    register(storehouse, tmp_path, "LAST")
    expected = rows_of_listing(storehouse)

    assert not rebuild.swap()
    assert rows_of_listing(storehouse) == expected

    while rebuild.step():
        pass
    assert rebuild.swap()
    assert rows_of_listing(storehouse) == expected


def test_the_new_listing_has_the_tables_and_indexes_of_the_old_one(
    storehouse: RunningServices,
) -> None:
    def shape() -> dict[str, list[object]]:
        """Of each table its columns and what is said of them, its key and indexes."""
        with storehouse.service("catalog-queries").databases[0].reading() as connection:
            inspector = sa.inspect(connection)
            return {
                table: [
                    *(str(column) for column in inspector.get_columns(table)),
                    inspector.get_pk_constraint(table)["constrained_columns"],
                    inspector.get_indexes(table),
                ]
                for table in inspector.get_table_names()
            }

    before = shape()
    run(storehouse.service("catalog-queries").cli, "rebuild-listing")
    assert shape() == before


def indexes(databases: Databases) -> list[tuple[str, str]]:
    """Name and definition of each, its key's too."""
    found = (
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'product_listing'"
        if isinstance(databases, Schemas)
        else "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'product_listing'"
        " AND type = 'index'"
    )
    return sorted((name, sql) for name, sql in databases.rows("catalog_read", found))


def test_all_indexes_keep_their_definitions_and_names(
    storehouse: RunningServices, databases: Databases
) -> None:
    with storehouse.service("catalog-queries").databases[0].writing() as connection:
        connection.exec_driver_sql(
            'CREATE INDEX "An operator\'s own" ON product_listing (name)'
            " WHERE name <> 'x'"
        )
    before = indexes(databases)
    assert {"product_listing_place", "product_listing_availability"} < {
        name for name, _ in before
    }

    for _ in range(2):
        run(storehouse.service("catalog-queries").cli, "rebuild-listing")

        assert indexes(databases) == before


@pytest.mark.server
def test_building_indexes_may_exceed_the_statement_timeout(
    schemas: Schemas, tmp_path: Path
) -> None:
    with a_storehouse(schemas) as storehouse:
        register(storehouse, tmp_path, "A", "B", "C", "D", "E", "F")
        before = rows_of_listing(storehouse)
        slow = build_slowly(storehouse.service("catalog-queries").databases[0])
        hurried = Database(schemas.url("catalog_read"), limits=Limits(timeout_ms=300))
        rebuild = a_rebuild(storehouse, database=hurried)

        begun = time.perf_counter()
        rebuild.run(lambda: None)

        assert time.perf_counter() - begun > 6 * slow
        assert rows_of_listing(storehouse) == before
        hurried.close()


def build_slowly(database: Database) -> float:
    """From now on each row that is put into an index takes 0.1 seconds."""
    with database.writing() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION slowly(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM pg_sleep(0.1); RETURN $1; END'"
        )
        connection.exec_driver_sql(
            "CREATE INDEX slow ON product_listing (slowly(code))"
        )
    return 0.1


def test_the_listing_is_readable_while_indexes_are_built(
    storehouse: RunningServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All in one thread: anything that waited would wait for ever."""
    before = listed(storehouse)
    meanwhile = []
    build = listing_indexes.build

    def building(connection: Connection, old: str, new: str) -> None:
        build(connection, old, new)
        meanwhile.append(listed(storehouse))

    monkeypatch.setattr(listing_indexes, "build", building)
    a_rebuild(storehouse).run(lambda: None)

    assert meanwhile == [before]


def test_events_during_the_building_of_indexes_are_in_the_new_listing(
    storehouse: RunningServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuild = a_rebuild(storehouse)
    write = ListingRebuild._write

    def building(rebuild: ListingRebuild, how: Write) -> None:
        write(rebuild, how)
        if not rebuild._indexed:
            register(storehouse, tmp_path, "LAST")
            ship(storehouse, tmp_path, ("4", "D", 2))

    monkeypatch.setattr(ListingRebuild, "_write", building)
    rebuild.run(lambda: None)

    after = rows_of_listing(storehouse)
    monkeypatch.undo()
    run(storehouse.service("catalog-queries").cli, "rebuild-listing")
    assert after == rows_of_listing(storehouse)
    assert [row["code"] for row in listed(storehouse)][-1] == "LAST"


def test_a_rebuild_brings_a_listing_that_is_behind_up_to_date(
    storehouse: RunningServices, tmp_path: Path
) -> None:
    publish(
        storehouse,
        "product.renamed",
        "A",
        b'{"sku":"A","name":"Lamp","status":"listed","version":2}',
    )
    expected = rows_of_listing(storehouse)
    database = storehouse.service("catalog-queries").databases[0]
    with database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM product_listing")
        connection.exec_driver_sql("UPDATE subscription_cursors SET position = 0")

    run(storehouse.service("catalog-queries").cli, "rebuild-listing")

    assert rows_of_listing(storehouse) == expected
    assert [
        subscription.cursor.saved()
        for subscription in storehouse.service("catalog-queries").subscriptions
    ] == [
        storehouse.context("catalog").log.head(),
        storehouse.context("inventory").log.head(),
    ]
    storehouse.workers.run_until_idle()
    assert rows_of_listing(storehouse) == expected


@pytest.mark.proof_on("postgresql", "after")
@pytest.mark.slow
@pytest.mark.parametrize("moment", ["instead of", "after"])
def test_a_crash_at_any_commit_leaves_a_usable_listing_that_can_be_rebuilt(
    databases: Databases,
    tmp_path: Path,
    moment: Moment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rebuild_listing, "BATCH", 2)
    monkeypatch.setattr(rebuild_listing, "ROWS_HELD", 2)
    with a_storehouse(databases) as storehouse:
        register(storehouse, tmp_path, "A", "B", "C", "D", "E", "F")
        before = rows_of_listing(storehouse)
    crashed, number = True, 0
    while crashed:
        number += 1
        with (
            a_storehouse(databases) as storehouse,
            pytest.MonkeyPatch.context() as patch,
        ):
            crash_at_commit(patch, number, moment)
            try:
                run(storehouse.service("catalog-queries").cli, "rebuild-listing")
                crashed = False
            except Crash:
                patch.undo()
        with a_storehouse(databases) as storehouse:
            assert rows_of_listing(storehouse) == before
            storehouse.workers.run_until_idle()
            assert rows_of_listing(storehouse) == before
    assert number > 4


def interrupted(*_: object) -> int:
    raise KeyboardInterrupt


def test_ctrl_c_leaves_the_old_listing_and_lets_another_rebuild_begin(
    storehouse: RunningServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows_of_listing(storehouse)

    with monkeypatch.context() as patch:
        patch.setattr(ListingRebuild, "step", interrupted)
        assert (
            run(storehouse.service("catalog-queries").cli, "rebuild-listing").exit_code
            == 130
        )

    assert rows_of_listing(storehouse) == before
    assert (
        run(storehouse.service("catalog-queries").cli, "rebuild-listing").exit_code == 0
    )


@pytest.mark.slow
def test_a_second_rebuild_is_refused_while_one_is_under_way(
    storehouse: RunningServices,
) -> None:
    one, ended = a_rebuild(storehouse), threading.Event()
    one.begin()

    def work() -> None:
        while not ended.wait(0.5):
            one.step()

    working = threading.Thread(target=work)
    working.start()
    result = run(storehouse.service("catalog-queries").cli, "rebuild-listing")
    ended.set()
    working.join()

    assert result.exit_code == 2
    assert "is being rebuilt by another process" in result.stderr


def test_a_rebuild_waits_until_the_lease_of_a_crashed_one_runs_out(
    storehouse: RunningServices,
) -> None:
    clock = ManualClock(system_clock())
    a_rebuild(storehouse, "dead").begin()
    began = clock.now

    a_rebuild(storehouse, "second", clock=clock).begin()

    assert 3 <= (clock.now - began).total_seconds() <= 4.2


def test_a_rebuild_that_lost_its_lease_unnoticed_changes_nothing(
    storehouse: RunningServices,
) -> None:
    before = rows_of_listing(storehouse)
    slow, quick = a_rebuild(storehouse), a_rebuild(storehouse)
    slow.begin()
    while slow.step():
        pass
    quick.begin()

    with pytest.raises(AnotherRebuildError):
        slow.swap()

    assert rows_of_listing(storehouse) == before


def test_a_rebuild_suspended_during_two_others_changes_nothing(
    storehouse: RunningServices,
) -> None:
    slow, quick, third = (a_rebuild(storehouse) for _ in range(3))
    slow.begin()
    while slow.step():
        pass
    quick.run(lambda: None)
    before = rows_of_listing(storehouse)
    third.begin()

    with pytest.raises(AnotherRebuildError):
        slow.swap()

    assert rows_of_listing(storehouse) == before
    while third.step():
        pass
    assert third.swap()
    assert rows_of_listing(storehouse) == before


def one_that_begins(rebuild: ListingRebuild) -> Callable[[], object]:
    return lambda: rebuild.run(lambda: None)


def one_that_lost_its_lease_unawares(rebuild: ListingRebuild) -> Callable[[], object]:
    rebuild.begin()
    rebuild.end()
    return rebuild.swap


@pytest.mark.server
@pytest.mark.parametrize("another", [one_that_begins, one_that_lost_its_lease_unawares])
def test_another_rebuild_is_refused_while_one_builds_indexes(
    schemas: Schemas,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    another: Callable[[ListingRebuild], Callable[[], object]],
) -> None:
    """Building may take longer than its lease, and longer than the other one waits."""
    later = ManualClock(system_clock())
    later.advance(seconds=60)
    hurried = Database(schemas.url("catalog_read"), limits=Limits(timeout_ms=100))
    refused = []
    build = listing_indexes.build
    with a_storehouse(schemas) as storehouse:
        register(storehouse, tmp_path, "A", "B")
        before = rows_of_listing(storehouse)
        go_on = another(a_rebuild(storehouse, "another", database=hurried, clock=later))

        def building(connection: Connection, old: str, new: str) -> None:
            build(connection, old, new)
            with pytest.raises(AnotherRebuildError) as raised:
                go_on()
            refused.append(str(raised.value))

        monkeypatch.setattr(listing_indexes, "build", building)
        a_rebuild(storehouse).run(lambda: None)

        assert rows_of_listing(storehouse) == before
    hurried.close()
    assert len(refused) == 1


BROKEN = b'{"sku":"A","name":"Lamp"}'
RENAMED = b'{"sku":"A","name":"Lamp","status":"listed","version":3}'


def test_dead_letters_and_events_parked_behind_them_are_not_applied(
    storehouse: RunningServices,
) -> None:
    publish(storehouse, "product.renamed", "A", BROKEN)
    publish(storehouse, "product.renamed", "A", RENAMED)
    before, waiting = rows_of_listing(storehouse), letters(storehouse)
    assert waiting == [("A", 7, DEAD), ("A", 8, PARKED)]

    result = run(storehouse.service("catalog-queries").cli, "rebuild-listing")

    assert result.exit_code == 0
    assert rows_of_listing(storehouse) == before
    assert letters(storehouse) == waiting


def discard_first(storehouse: RunningServices) -> None:
    kept = storehouse.service("catalog-queries").dead_letters["catalog_read"]
    kept.discard(kept.list()[0].number)


def test_a_discarded_event_stays_discarded_and_those_behind_it_apply(
    storehouse: RunningServices,
) -> None:
    publish(storehouse, "product.renamed", "A", BROKEN)
    publish(storehouse, "product.renamed", "A", RENAMED)
    discard_first(storehouse)
    before = rows_of_listing(storehouse)
    assert listed(storehouse)[0]["name"] == "Lamp"

    result = run(storehouse.service("catalog-queries").cli, "rebuild-listing")

    assert result.exit_code == 0
    assert letters(storehouse) == []
    assert rows_of_listing(storehouse) == before


def test_what_is_discarded_during_a_rebuild_stays_discarded(
    storehouse: RunningServices,
) -> None:
    rebuild = a_rebuild(storehouse)
    rebuild.begin()
    publish(storehouse, "product.renamed", "A", BROKEN)
    publish(storehouse, "product.renamed", "A", RENAMED)
    while rebuild.step():
        pass
    discard_first(storehouse)

    with pytest.raises(DeadLettersChangedError):
        rebuild.swap()
    rebuild.run(lambda: None)

    assert letters(storehouse) == []
    assert listed(storehouse)[0]["name"] == "Lamp"


def test_a_discarded_event_that_is_asked_for_is_dead_lettered_if_it_fails_again(
    storehouse: RunningServices,
) -> None:
    publish(storehouse, "product.renamed", "A", BROKEN)
    publish(storehouse, "product.renamed", "A", RENAMED)
    discard_first(storehouse)

    result = run(
        storehouse.service("catalog-queries").cli, "rebuild-listing", "--with-discarded"
    )

    assert result.exit_code == 1
    assert "2 of them are dead letters now" in result.stderr
    assert letters(storehouse) == [("A", 7, DEAD), ("A", 8, PARKED)]
    discard_first(storehouse)
    assert listed(storehouse)[0]["name"] == "Lamp"


def edit_first(storehouse: RunningServices, data: bytes) -> None:
    kept = storehouse.service("catalog-queries").dead_letters["catalog_read"]
    kept.edit(kept.list()[0].number, data, who="ada", why="it is listed")


def replay_first(storehouse: RunningServices) -> None:
    kept = storehouse.service("catalog-queries").dead_letters["catalog_read"]
    kept.replay(kept.list()[0].number)


def test_an_edited_event_stays_edited(storehouse: RunningServices) -> None:
    publish(storehouse, "product.renamed", "A", BROKEN)
    edit_first(storehouse, RENAMED)
    replay_first(storehouse)
    before = rows_of_listing(storehouse)

    result = run(storehouse.service("catalog-queries").cli, "rebuild-listing")

    assert result.exit_code == 0
    assert letters(storehouse) == []
    assert rows_of_listing(storehouse) == before
    assert listed(storehouse)[0]["name"] == "Lamp"


def test_what_is_edited_and_replayed_during_a_rebuild_stays_so(
    storehouse: RunningServices,
) -> None:
    rebuild = a_rebuild(storehouse)
    rebuild.begin()
    publish(storehouse, "product.renamed", "A", BROKEN)
    while rebuild.step():
        pass
    edit_first(storehouse, RENAMED)
    replay_first(storehouse)

    with pytest.raises(DeadLettersChangedError):
        rebuild.swap()
    rebuild.run(lambda: None)

    assert letters(storehouse) == []
    assert listed(storehouse)[0]["name"] == "Lamp"


def test_an_edit_during_a_rebuild_is_not_lost(storehouse: RunningServices) -> None:
    """Its letter stays dead, so the rebuild need not know: but a later one does."""
    publish(storehouse, "product.renamed", "A", BROKEN)
    rebuild = a_rebuild(storehouse)
    rebuild.begin()
    while rebuild.step():
        pass
    edit_first(storehouse, RENAMED)

    with pytest.raises(DeadLettersChangedError):
        rebuild.swap()


def test_an_edited_event_is_applied_as_published_if_that_is_asked_for(
    storehouse: RunningServices,
) -> None:
    publish(storehouse, "product.renamed", "A", BROKEN)
    edit_first(storehouse, RENAMED)
    replay_first(storehouse)

    result = run(
        storehouse.service("catalog-queries").cli, "rebuild-listing", "--as-published"
    )

    assert result.exit_code == 1
    assert letters(storehouse) == [("A", 7, DEAD)]
    kept = storehouse.service("catalog-queries").dead_letters["catalog_read"]
    (letter,) = kept.list()
    assert (letter.envelope.data, letter.original) == (BROKEN, None)


def test_an_edited_event_that_fails_again_is_a_letter_as_edited(
    storehouse: RunningServices,
) -> None:
    """As if today's code could not read it any more."""
    publish(storehouse, "product.renamed", "A", BROKEN)
    edit_first(storehouse, RENAMED)
    replay_first(storehouse)
    with storehouse.service("catalog-queries").databases[0].writing() as connection:
        connection.execute(
            sa.text("UPDATE edited_events SET data = :no"), {"no": b"{}"}
        )

    result = run(storehouse.service("catalog-queries").cli, "rebuild-listing")

    assert result.exit_code == 1
    kept = storehouse.service("catalog-queries").dead_letters["catalog_read"]
    (letter,) = kept.list()
    assert (letter.envelope.data, letter.original) == (b"{}", BROKEN)


def test_an_event_that_fails_ahead_of_the_listing_is_dead_lettered(
    storehouse: RunningServices,
) -> None:
    log, [database] = (
        storehouse.context("catalog").log,
        storehouse.context("catalog").databases,
    )
    with database.writing() as connection:
        entries = [
            Entry("product.renamed", "A", data, None) for data in (BROKEN, RENAMED)
        ]
        log.append(connection, entries, 1)
    log.settle()
    expected = rows_of_listing(storehouse)

    run(storehouse.service("catalog-queries").cli, "rebuild-listing")

    assert letters(storehouse) == [("A", 7, DEAD), ("A", 8, PARKED)]
    assert rows_of_listing(storehouse) == expected
    storehouse.workers.run_until_idle()
    assert letters(storehouse) == [("A", 7, DEAD), ("A", 8, PARKED)]


def test_a_dead_letter_replayed_meanwhile_is_in_the_new_listing(
    storehouse: RunningServices,
) -> None:
    log, [database] = (
        storehouse.context("catalog").log,
        storehouse.context("catalog").databases,
    )
    [read_database] = storehouse.service("catalog-queries").databases
    with database.writing() as connection:
        log.append(connection, [Entry("product.renamed", "A", RENAMED, None)], 1)
    log.settle()
    with read_database.writing() as connection:
        overtake(connection, "catalog.listing", "catalog", Place(7))
        dead_letters.add(
            connection,
            "catalog.listing",
            log.read(6, 1),
            state=DEAD,
            reason="failed in its time",
            attempts=5,
            now_us=1,
        )
    kept = storehouse.service("catalog-queries").dead_letters["catalog_read"]
    names = []

    def replay_at_once() -> None:
        if waiting := kept.list():
            names.append(listed(storehouse)[0]["name"])
            kept.replay(waiting[0].number)

    a_rebuild(storehouse).run(replay_at_once)

    assert names == ["A"]
    assert listed(storehouse)[0]["name"] == "Lamp"
    assert letters(storehouse) == []
