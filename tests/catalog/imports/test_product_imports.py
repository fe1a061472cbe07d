"""Imports as jobs: each row is handled once, whatever happens to the workers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.adapters import importing
from catalog.adapters.imports.import_options import AS_WRITTEN, ImportOptions
from catalog.adapters.imports.import_state import ImportState
from catalog.adapters.imports.product_imports import PART, ProductImports
from catalog.adapters.product_rows import COLUMNS
from catalog.adapters.services import SqlCatalogUnitOfWork
from catalog.application.commands import RegisterProduct, RenameProduct
from catalog.application.handlers import register_product, rename_product
from catalog.domain.value_objects import ProductName
from shared_kernel.domain.sku import Sku
from shared_kernel.files.errors import UnusableFileError
from shared_kernel.files.row_file import RowFile
from shared_kernel.runtime.running import RunningServices
from shared_kernel.storage.errors import StorageUnavailableError
from tests.catalog.listings import listed
from tests.databases import Databases
from tests.queues import consumer_of, let_the_dead_go, work_off
from tests.storehouses import (
    SUPERSTORE,
    Crash,
    Moment,
    a_copy_of,
    a_csv,
    a_storehouse,
    crash_at_commit,
)

pytestmark = pytest.mark.proof_on("postgresql")

HEADER = "sku,name,stock_count"


@pytest.fixture
def storehouse(databases: Databases) -> Iterator[RunningServices]:
    with a_storehouse(databases) as storehouse:
        yield storehouse


def imports_of(storehouse: RunningServices) -> ProductImports:
    (consumed,) = storehouse.queues
    imports = consumed.callback.__self__.imports  # type: ignore[attr-defined]
    assert isinstance(imports, ProductImports)
    return imports


def receive(
    storehouse: RunningServices, file: Path, options: ImportOptions = AS_WRITTEN
) -> str:
    with RowFile(file, COLUMNS) as rows:
        return imports_of(storehouse).receive(rows, options)


def state(storehouse: RunningServices, import_id: str) -> ImportState:
    found = imports_of(storehouse).progress.state(import_id)
    assert found is not None
    return found


def lamps(folder: Path, count: int) -> Path:
    rows = [(f"LAMP-{n}", f"Lamp {n}", n % 7) for n in range(count)]
    return a_csv(folder / "lamps.csv", HEADER, rows)


def counts(found: ImportState) -> tuple[str, int, int, int]:
    return found.state, found.registered, found.skipped, found.refused


@pytest.mark.slow
def test_the_real_products_are_registered_and_the_32_duplicates_refused(
    storehouse: RunningServices,
) -> None:
    import_id = receive(storehouse, SUPERSTORE / "products.csv")
    assert counts(state(storehouse, import_id)) == ("waiting", 0, 0, 0)
    assert state(storehouse, import_id).rows == 1894

    work_off(storehouse)
    storehouse.workers.run_until_idle()

    assert counts(state(storehouse, import_id)) == ("done", 1862, 0, 32)
    first, *_ = imports_of(storehouse).progress.refusals(import_id, 0, 1)
    assert (first.row, first.subject) == (679, "OFF-PA-10000659")
    assert first.reason.startswith("OFF-PA-10000659 is already registered as 'TOPS")
    assert len(listed(storehouse)) == 1862


def test_a_file_that_is_sent_again_is_skipped(
    storehouse: RunningServices, tmp_path: Path
) -> None:
    receive(storehouse, lamps(tmp_path, 30))
    again = receive(storehouse, lamps(tmp_path, 31))
    work_off(storehouse)

    assert counts(state(storehouse, again)) == ("done", 1, 30, 0)


def test_of_two_rows_with_one_sku_the_first_one_counts(
    storehouse: RunningServices, tmp_path: Path
) -> None:
    rows = [("TWICE", "First", 1), *((f"L-{n}", "Lamp", 1) for n in range(2 * PART))]
    file = a_csv(tmp_path / "twice.csv", HEADER, [*rows, ("TWICE", "Second", 1)])
    import_id = receive(storehouse, file)
    work_off(storehouse)

    (refused,) = imports_of(storehouse).progress.refusals(import_id, 0, 10)

    assert refused.row == 2 * PART + 3
    assert "already registered as 'First'" in refused.reason


def test_a_file_without_rows_is_done_at_once(
    storehouse: RunningServices, tmp_path: Path
) -> None:
    import_id = receive(storehouse, lamps(tmp_path, 0))

    assert counts(state(storehouse, import_id)) == ("done", 0, 0, 0)


def test_of_a_file_that_becomes_unreadable_nothing_is_kept(
    storehouse: RunningServices, tmp_path: Path
) -> None:
    file = lamps(tmp_path, 30 * PART)
    with file.open("ab") as more:
        more.write(b"LAMP-X,\xff,1\n")

    with pytest.raises(UnusableFileError, match=f"line {30 * PART + 2} is not UTF-8"):
        receive(storehouse, file)
    work_off(storehouse)

    assert imports_of(storehouse).progress.newest(10) == []
    assert storehouse.context("catalog").log.head() == 0


def test_nothing_is_registered_after_a_cancellation(
    storehouse: RunningServices, tmp_path: Path
) -> None:
    import_id = receive(storehouse, lamps(tmp_path, 3 * PART))
    consumer = consumer_of(storehouse)
    consumer.step()

    imports_of(storehouse).cancel(import_id)
    work_off(storehouse)

    assert counts(state(storehouse, import_id)) == ("cancelled", PART, 0, 0)
    assert storehouse.context("catalog").log.head() == PART
    assert storehouse.queues[0].queue.depth().waiting == 0


def test_an_import_that_is_done_cannot_be_cancelled(
    storehouse: RunningServices, tmp_path: Path
) -> None:
    import_id = receive(storehouse, lamps(tmp_path, 3))
    work_off(storehouse)

    imports_of(storehouse).cancel(import_id)

    assert counts(state(storehouse, import_id)) == ("done", 3, 0, 0)


def test_a_row_that_fails_for_an_unforeseen_reason_fails_alone(
    storehouse: RunningServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "register_product", fails_with_lamp_3)
    import_id = receive(storehouse, lamps(tmp_path, 6))
    work_off(storehouse)

    assert counts(state(storehouse, import_id)) == ("done", 5, 0, 1)
    (refused,) = imports_of(storehouse).progress.refusals(import_id, 0, 10)
    assert refused.row == 5
    assert refused.reason == (
        "cannot be registered: ZeroDivisionError: of all things; "
        "it is tried again by itself"
    )


def fails_with_lamp_3(command: RegisterProduct, work: SqlCatalogUnitOfWork) -> int:
    if str(command.sku) == "LAMP-3":
        raise ZeroDivisionError("of all things")
    return register_product(command, work)


def test_such_a_row_is_registered_once_it_can_be(
    storehouse: RunningServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(importing, "register_product", fails_with_lamp_3)
        import_id = receive(storehouse, lamps(tmp_path, 6))
        consumer = consumer_of(storehouse)
        while state(storehouse, import_id).state != "done":
            consumer.step()
        consumer.end()
    work_off(storehouse)

    assert counts(state(storehouse, import_id)) == ("done", 6, 0, 0)
    assert imports_of(storehouse).progress.refusals(import_id, 0, 10) == []


@pytest.mark.parametrize("changed", [False, True])
def test_such_a_row_of_an_update_changes_nothing_that_is_newer(
    storehouse: RunningServices,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changed: bool,
) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError("of all things")

    known = a_csv(tmp_path / "known.csv", HEADER, [("LAMP-3", "Known", 1)])
    receive(storehouse, known)
    work_off(storehouse)
    with monkeypatch.context() as broken:
        broken.setattr(importing, "rename_product", fails)
        import_id = receive(storehouse, lamps(tmp_path, 6), ImportOptions(update=True))
        consumer = consumer_of(storehouse)
        while state(storehouse, import_id).state != "done":
            consumer.step()
        consumer.end()
    if changed:
        rename = RenameProduct(sku=Sku("LAMP-3"), name=ProductName("Newer"))
        storehouse.context("catalog").writer.execute(rename_product, rename)
    work_off(storehouse)

    found = state(storehouse, import_id)
    assert counts(found) == ("done", 5, 0, int(changed))
    assert found.updated == int(not changed)


def test_what_a_database_cannot_store_is_refused_like_any_other_value(
    storehouse: RunningServices, tmp_path: Path
) -> None:
    rows = [("LAMP\0", "Lamp", 1), ("LAMP-1", "La\0mp", 1), ("LAMP-2", "Lamp", 1)]
    import_id = receive(storehouse, a_csv(tmp_path / "lamps.csv", HEADER, rows))
    work_off(storehouse)

    assert counts(state(storehouse, import_id)) == ("done", 1, 0, 2)
    first, _ = imports_of(storehouse).progress.refusals(import_id, 0, 10)
    assert (first.subject, first.cells[0]) == ("LAMP\ufffd", "LAMP\0")


def test_a_fault_of_the_database_refuses_nothing(
    storehouse: RunningServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law 5: it is tried again, more often than QUEUE_ATTEMPTS."""
    import_id = receive(storehouse, lamps(tmp_path, 6))
    queue, consumer = storehouse.queues[0].queue, consumer_of(storehouse)

    def away(*_: object) -> None:
        raise StorageUnavailableError("away")

    with monkeypatch.context() as patch:
        patch.setattr(importing, "register_product", away)
        for _ in range(2 * queue.settings.max_attempts):
            consumer.step()
            consumer.settle()
            with queue.database.writing() as connection:
                connection.exec_driver_sql("UPDATE jobs SET due_us = 0")

    work_off(storehouse)

    assert counts(state(storehouse, import_id)) == ("done", 6, 0, 0)
    assert queue.counts.dead == 0


def test_imports_are_forgotten_some_time_after_their_end(
    storehouse: RunningServices, tmp_path: Path
) -> None:
    done, waiting = (receive(storehouse, lamps(tmp_path, n)) for n in (0, 3))
    imports = imports_of(storehouse)
    assert imports.forget(keep_days=1) == 0

    assert imports.forget(keep_days=-1) == 1

    assert imports.progress.state(done) is None
    assert imports.progress.state(waiting) is not None


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["instead of", "after"])
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_crash_at_any_commit_loses_no_row_and_repeats_none(
    databases: Databases, tmp_path: Path, moment: Moment, dry_run: bool
) -> None:
    """Of an update, too, and of its dry run."""
    with a_storehouse(databases) as storehouse:
        known = [(f"LAMP-{n}", "Known", n % 7) for n in range(10)]
        receive(storehouse, a_csv(tmp_path / "known.csv", HEADER, known))
        work_off(storehouse)
        options = ImportOptions(update=True, dry_run=dry_run)
        import_id = receive(storehouse, lamps(tmp_path, PART + 20), options)
    crashed, number = True, 0
    while crashed:
        number += 1
        with a_copy_of(databases, tmp_path / f"crash-{number}") as copy:
            with (
                a_storehouse(copy) as storehouse,
                pytest.MonkeyPatch.context() as patch,
            ):
                crash_at_commit(patch, number, moment)
                crashed = _crashes(storehouse)
                patch.undo()
            with a_storehouse(copy) as storehouse:
                let_the_dead_go(storehouse)
                work_off(storehouse)
                storehouse.workers.run_until_idle()
                found = state(storehouse, import_id)
                events = storehouse.context("catalog").log.head()

        assert (*counts(found), found.updated) == ("done", PART + 10, 0, 0, 10)
        assert events == (10 if dry_run else 10 + PART + 20)
    assert number > 5


def _crashes(storehouse: RunningServices) -> bool:
    try:
        work_off(storehouse)
    except Crash:
        return True
    return False
