"""`flask --app app inventory replay-orders`: order lines are reserved and shipped."""

import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from inventory.adapters.line_names import digest_of
from inventory.adapters.replay_orders import ReplayOrders
from inventory.adapters.tables import reservations, shipments, stock_items
from shared_kernel.files import run as bulk_run
from shared_kernel.files.row_file import Row
from shared_kernel.runtime.running import RunningServices
from shared_kernel.serving.application import web_application
from shared_kernel.storage.prepared import Prepared
from tests.databases import Databases
from tests.storehouses import (
    SUPERSTORE,
    Crash,
    Moment,
    a_copy_of,
    a_csv,
    a_storehouse,
    crash_at_commit,
    query,
    rows_of,
    run,
    some_ndjson,
)

HEADER = "order,sku,quantity"
FILES = Path(__file__).parents[1] / "data/files"
_ITEMS = Prepared(
    sa.select(stock_items.c.sku, stock_items.c.on_hand).order_by(stock_items.c.sku)
)
_RESERVED = Prepared(sa.select(sa.func.count()).select_from(reservations))
_SHIPPED = Prepared(
    sa.select(
        shipments.c.order_reference, shipments.c.sku, shipments.c.pieces
    ).order_by(shipments.c.sku, shipments.c.shipped_version)
)


def with_stock(storehouse: RunningServices, folder: Path, **on_hand: int) -> None:
    file = a_csv(
        folder / "products.csv",
        "sku,name,stock_count",
        [[sku, sku.title(), pieces] for sku, pieces in on_hand.items()],
    )
    assert run(storehouse.context("catalog").cli, "import", file).exit_code == 0


def replay(storehouse: RunningServices, *arguments: str | Path) -> tuple[int, str]:
    result = run(storehouse.context("inventory").cli, "replay-orders", *arguments)
    return result.exit_code, result.output


def to(folder: Path) -> tuple[str, Path]:
    return "--refused", folder / "refused.csv"


def on_hand(storehouse: RunningServices) -> dict[str, int]:
    return dict(query(storehouse.context("inventory").databases[0], _ITEMS))


def shipped(storehouse: RunningServices) -> Sequence[tuple[str, str, int]]:
    """Of each shipment the order, without the name of its line."""
    return [
        (order.partition("  ")[0], sku, pieces)
        for order, sku, pieces in query(
            storehouse.context("inventory").databases[0], _SHIPPED
        )
    ]


@pytest.mark.proof_on("postgresql")
@pytest.mark.slow
def test_the_real_orders_leave_nothing_on_hand_and_nothing_reserved(
    databases: Databases, tmp_path: Path
) -> None:
    refused = tmp_path / "refused.csv"
    with a_storehouse(databases) as storehouse:
        products = SUPERSTORE / "products.csv"
        run(storehouse.context("catalog").cli, "import", products, "--refused", refused)
        file = SUPERSTORE / "order_lines.csv", "--refused", refused

        code, output = replay(storehouse, *file)

        assert code == 0
        assert "9,994 shipped, 0 skipped, 0 refused" in output
        assert len(on_hand(storehouse)) == 1862
        assert set(on_hand(storehouse).values()) == {0}
        assert query(storehouse.context("inventory").databases[0], _RESERVED) == [(0,)]
        assert sum(pieces for _, _, pieces in shipped(storehouse)) == 37_873

        code, output = replay(storehouse, *file)

        assert code == 0
        assert "0 shipped, 9,994 skipped, 0 refused" in output
        assert not refused.exists()


def test_further_lines_of_the_same_order_and_sku_ship_too(
    databases: Databases, tmp_path: Path
) -> None:
    lines = [["A-1", "LAMP", 1], ["A-1", "CHAIR", 2], ["A-1", "LAMP", 1]]
    file = a_csv(tmp_path / "orders.csv", HEADER, lines)
    with a_storehouse(databases) as storehouse:
        with_stock(storehouse, tmp_path, LAMP=5, CHAIR=5)
        replay(storehouse, file)

        assert shipped(storehouse) == [
            ("A-1", "CHAIR", 2),
            ("A-1", "LAMP", 1),
            ("A-1", "LAMP", 1),
        ]
        assert on_hand(storehouse) == {"LAMP": 3, "CHAIR": 3}

        a_csv(file, HEADER, [lines[2], lines[1], lines[0]])
        assert "0 shipped, 3 skipped, 0 refused" in replay(storehouse, file)[1]


def test_a_line_is_refused_by_name_of_the_rule(
    databases: Databases, tmp_path: Path
) -> None:
    lines = [["A-1", "LAMP", 2], ["A-2", "LAMP", 2], ["A-3", "SOFA", 1]]
    file = a_csv(tmp_path / "orders.csv", HEADER, lines)
    with a_storehouse(databases) as storehouse:
        with_stock(storehouse, tmp_path, LAMP=3)
        code, output = replay(storehouse, file)

    assert code == 1
    assert "row 3: LAMP: LAMP has 1 available, 2 were asked for" in output
    assert "row 4: SOFA: there is no stock item SOFA" in output


def test_a_line_that_shipped_another_quantity_is_refused(
    databases: Databases, tmp_path: Path
) -> None:
    header = f"{HEADER},line"
    file = a_csv(tmp_path / "orders.csv", header, [["A-1", "LAMP", 2, "1"]])
    with a_storehouse(databases) as storehouse:
        with_stock(storehouse, tmp_path, LAMP=5)
        replay(storehouse, file)
        assert "1 skipped" in replay(storehouse, file)[1]
        a_csv(file, header, [["A-1", "LAMP", 1, "1"], ["A-1", "LAMP", 2, "2"]])

        _, output = replay(storehouse, file)

        assert "line 1 of order A-1 has already shipped 2 of LAMP, not 1" in output
        assert on_hand(storehouse) == {"LAMP": 1}


def test_what_equals_a_line_of_another_file_is_told(
    databases: Databases, tmp_path: Path
) -> None:
    monday = a_csv(tmp_path / "monday.csv", HEADER, [["A-1", "LAMP", 1]])
    lines = [["A-1", "LAMP", 1], ["A-2", "LAMP", 1]]
    tuesday = a_csv(tmp_path / "tuesday.csv", HEADER, lines)
    with a_storehouse(databases) as storehouse:
        with_stock(storehouse, tmp_path, LAMP=9)
        replay(storehouse, monday)

        code, output = replay(storehouse, tuesday)

        assert code == 1
        assert "1 shipped, 0 skipped, 1 refused" in output
        assert "has shipped from another file: monday.csv, row 2, on 20" in output
        assert "in the column line" in output
        a_csv(tuesday, f"{HEADER},line", [["A-1", "LAMP", 1, "the second lamp"]])
        assert "1 shipped" in replay(storehouse, tuesday)[1]
        assert on_hand(storehouse) == {"LAMP": 6}


def test_an_order_that_has_shipped_as_a_whole_is_told(
    databases: Databases, tmp_path: Path
) -> None:
    file = a_csv(tmp_path / "orders.csv", HEADER, [["A-1", "LAMP", 1]])
    with a_storehouse(databases) as storehouse:
        with_stock(storehouse, tmp_path, LAMP=9)
        client = web_application(storehouse).test_client()
        path = "/stock/LAMP/reservations/A-1"
        assert client.put(path, json={"quantity": 1}).status_code == 200
        assert client.post(f"{path}/shipment").status_code == 200

        _, output = replay(storehouse, file)

        assert "order A-1 has already shipped 1 of LAMP, not as a line" in output
        assert client.put(f"{path}%20%20x", json={"quantity": 1}).status_code == 400
        assert on_hand(storehouse) == {"LAMP": 8}


def test_a_refused_line_is_the_same_line_when_it_is_corrected(
    databases: Databases, tmp_path: Path
) -> None:
    lines = [["A-1", "LAMP", 2], ["A-1", "LAMP", 2]]
    file = a_csv(tmp_path / "orders.csv", HEADER, lines)
    refused = tmp_path / "orders.csv.refused.csv"
    with a_storehouse(databases) as storehouse:
        with_stock(storehouse, tmp_path, LAMP=3)
        replay(storehouse, file)
        [row] = rows_of(refused)
        assert (row["order"], row["line"][0]) == ("A-1", "~")
        assert "1 refused" in replay(storehouse, refused)[1]

        corrected = tmp_path / "corrected.csv"
        corrected.write_text(refused.read_text("utf-8").replace(",2,", ",1,"), "utf-8")
        for outcome in ("1 shipped", "1 skipped"):
            code, output = replay(storehouse, corrected)
            assert (code, outcome in output) == (0, True)

        assert shipped(storehouse) == [("A-1", "LAMP", 2), ("A-1", "LAMP", 1)]
        _, output = replay(storehouse, file)
        assert "1 skipped, 1 refused" in output
        assert "has already shipped 1 of LAMP, not 2: corrected.csv, row 2" in output


def test_a_refused_line_of_ndjson_has_its_name_in_it(
    databases: Databases, tmp_path: Path
) -> None:
    line = {"order": "A-1", "sku": "LAMP", "quantity": 2}
    file = some_ndjson(tmp_path / "orders.ndjson", [line, line])
    with a_storehouse(databases) as storehouse:
        with_stock(storehouse, tmp_path, LAMP=3)
        assert "1 shipped, 0 skipped, 1 refused" in replay(storehouse, file)[1]
        refused = (tmp_path / "orders.ndjson.refused.csv").read_text("utf-8")
        corrected = tmp_path / "corrected.csv"
        corrected.write_text(refused.replace(": 2", ": 1"), "utf-8")

        assert "1 shipped, 0 skipped, 0 refused" in replay(storehouse, corrected)[1]
        assert on_hand(storehouse) == {"LAMP": 0}


def test_a_name_that_looks_made_is_refused(
    databases: Databases, tmp_path: Path
) -> None:
    lines = [["A-1", "LAMP", 1, "~1"], ["A-1", "LAMP", 1, "a  b"]]
    file = a_csv(tmp_path / "orders.csv", f"{HEADER},line", lines)
    with a_storehouse(databases) as storehouse:
        with_stock(storehouse, tmp_path, LAMP=3)
        _, output = replay(storehouse, file)

    assert "row 2: LAMP: line is '~1', expected a name that does not begin" in output
    assert "row 3: LAMP: line is 'a  b', expected 1 to 80 visible" in output


def test_dates_that_are_none_are_refused_before_anything_is_done(
    databases: Databases, tmp_path: Path
) -> None:
    with a_storehouse(databases) as storehouse:
        with_stock(storehouse, tmp_path, **{"0017": 1})
        _, output = replay(storehouse, FILES / "14-orders.csv", *to(tmp_path))

        assert "1 shipped, 0 skipped, 6 refused" in output
        assert "row 3: 0017: 0017 has 0 available, 1 were asked for" in output
        assert "row 4: 0017: ordered_on is '03/01/2014', expected a day" in output
        assert "row 5: 0017: ordered_on is '2014-02-30', expected a day" in output
        assert "row 6: NOPE: there is no stock item NOPE" in output
        assert "row 7: 0017: quantity is 0" in output
        assert "row 8: 0017: 0017 has 0 available, 5 were asked for" in output


def test_a_ragged_line_and_its_twin_are_two_lines(
    databases: Databases, tmp_path: Path
) -> None:
    file, refused = FILES / "26-refused-order-line.csv", tmp_path / "refused.csv"
    with a_storehouse(databases) as storehouse:
        with_stock(storehouse, tmp_path, **{"A-1": 100})
        _, output = replay(storehouse, file, *to(tmp_path))
        assert "1 shipped, 0 skipped, 1 refused" in output
        unmended = tmp_path / "unmended.csv"
        unmended.write_text(refused.read_text("utf-8"), "utf-8")
        assert ",gift," in unmended.read_text("utf-8")
        assert "0 shipped, 0 skipped, 1 refused" in replay(storehouse, unmended)[1]

        mended = tmp_path / "mended.csv"
        mended.write_text(refused.read_text("utf-8").replace(",gift", ""), "utf-8")
        assert "1 shipped, 0 skipped, 0 refused" in replay(storehouse, mended)[1]

        assert on_hand(storehouse) == {"A-1": 96}


@pytest.mark.parametrize(
    ("name", "sku", "result"),
    [
        ("28-order-name-like-ours.csv", "X-1", "3 shipped, 0 skipped, 0 refused"),
        ("40-order-names.csv", "A-1", "3 shipped, 0 skipped, 2 refused"),
    ],
)
def test_orders_may_have_any_names(
    databases: Databases, tmp_path: Path, name: str, sku: str, result: str
) -> None:
    with a_storehouse(databases) as storehouse:
        with_stock(storehouse, tmp_path, **{sku: 5})
        _, output = replay(storehouse, FILES / name, *to(tmp_path))

        assert result in output
        assert on_hand(storehouse) == {sku: 2}


def test_lines_on_the_standard_input_are_lines_of_a_file(
    databases: Databases, tmp_path: Path
) -> None:
    text = f"{HEADER}\nA-1,LAMP,1\nA-1,LAMP,1\n"
    given = ["replay-orders", "-", "--format", "csv", *map(str, to(tmp_path))]
    with a_storehouse(databases) as storehouse:
        with_stock(storehouse, tmp_path, LAMP=5)
        cli = storehouse.context("inventory").cli
        for result in ("2 shipped, 0 skipped", "0 shipped, 2 skipped"):
            assert result in CliRunner().invoke(cli, given, input=text).output


@given(st.lists(st.sampled_from(["A,L,1", "A,L,2", "B,L,1", "A,M,1"]), max_size=8))
def test_a_file_is_identified_by_its_lines_in_any_order(lines: list[str]) -> None:
    def rows(some: list[str]) -> list[Row]:
        cells = [
            dict(zip(HEADER.split(","), line.split(","), strict=True)) for line in some
        ]
        return [Row(number, values) for number, values in enumerate(cells)]

    assert digest_of([rows(lines)]) == digest_of([rows(lines[::-1])])
    assert digest_of([rows(lines)]) != digest_of([rows([*lines, "A,L,1"])])


def test_all_bad_values_of_a_row_are_reported_by_column(
    databases: Databases, tmp_path: Path
) -> None:
    file = some_ndjson(
        tmp_path / "orders.ndjson",
        [{"order": "A  1", "sku": "LAMP", "quantity": 0}, {"order": 7, "sku": "LAMP"}],
    )
    with a_storehouse(databases) as storehouse:
        code, output = replay(storehouse, file)

    assert code == 1
    assert "row 1: LAMP: order: expected 1 to 80 visible characters" in output
    assert "; quantity: expected at least 1" in output
    assert "row 2: LAMP: quantity: is required; order: expected string" in output


@pytest.fixture
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twenty lines of ten orders, in four chunks, which split lines of one order."""
    monkeypatch.setattr(bulk_run, "CHUNK", 5)
    lines = [[f"A-{number // 2}", "LAMP", 1] for number in range(20)]
    return a_csv(tmp_path / "orders.csv", HEADER, lines)


def test_ctrl_c_ends_after_the_chunk_and_the_next_replay_continues(
    databases: Databases, tmp_path: Path, orders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = ReplayOrders.apply

    def interrupted(work: ReplayOrders, rows: list[object]) -> object:
        signal.raise_signal(signal.SIGINT)
        return apply(work, rows)  # type: ignore[arg-type] # handed on as it came

    with a_storehouse(databases) as storehouse:
        with_stock(storehouse, tmp_path, LAMP=20)
        with monkeypatch.context() as patch:
            patch.setattr(ReplayOrders, "apply", interrupted)
            assert replay(storehouse, orders)[0] == 130
        assert on_hand(storehouse) == {"LAMP": 15}

        code, output = replay(storehouse, orders)

        assert code == 0
        assert "15 shipped, 5 skipped, 0 refused" in output
        assert on_hand(storehouse) == {"LAMP": 0}


@pytest.mark.proof_on("postgresql", "after")
@pytest.mark.slow
@pytest.mark.parametrize("moment", ["instead of", "after"])
def test_after_a_crash_at_any_commit_a_repeated_replay_completes(
    databases: Databases, tmp_path: Path, orders: Path, moment: Moment
) -> None:
    with a_storehouse(databases) as storehouse:
        with_stock(storehouse, tmp_path, LAMP=20)
    crashed, number = True, 0
    while crashed:
        number += 1
        with a_copy_of(databases, tmp_path / str(number)) as copy:
            with (
                a_storehouse(copy) as storehouse,
                pytest.MonkeyPatch.context() as patch,
            ):
                crash_at_commit(patch, number, moment)
                try:
                    replay(storehouse, orders)
                    crashed = False
                except Crash:
                    patch.undo()
            with a_storehouse(copy) as storehouse:
                code, _ = replay(storehouse, orders)

                assert code == 0
                assert on_hand(storehouse) == {"LAMP": 0}
                assert len(shipped(storehouse)) == 20
    assert number > 4


def test_orders_go_by_the_names_that_other_systems_gave_them(tmp_path: Path) -> None:
    file = Path(__file__).parents[1] / "data" / "files" / "40-order-names.csv"
    refused = tmp_path / "refused.csv"
    with a_storehouse(tmp_path) as storehouse:
        products = a_csv(tmp_path / "a.csv", "sku,name,stock_count", [["A-1", "A", 9]])
        run(storehouse.context("catalog").cli, "import", products)
        code, output = replay(storehouse, file, "--refused", refused)

        assert code == 1
        assert shipped(storehouse) == [
            ("#1001", "A-1", 1),
            ("SO/2024/0001", "A-1", 1),
            ("1001 A", "A-1", 1),
        ]
    assert [row["order"] for row in rows_of(refused)] == ["O-9", "O-10"]
    assert "row 5: " in output
    assert "quantity is 0, expected a whole number of pieces from 1" in output


def named_lines(folder: Path, name: str, *lines: Sequence[str | int]) -> Path:
    return a_csv(folder / name, f"{HEADER},line", lines)


def test_an_equal_line_without_a_name_is_remarked_once_and_only_of_another_file(
    databases: Databases, tmp_path: Path
) -> None:
    monday = a_csv(tmp_path / "monday.csv", HEADER, [["A", "LAMP", 1]])
    own = named_lines(tmp_path, "own.csv", ["B", "LAMP", 1, ""], ["B", "LAMP", 1, 1])
    late = named_lines(tmp_path, "late.csv", ["A", "LAMP", 1, 7], ["A", "LAMP", 2, 8])
    with a_storehouse(databases) as storehouse:
        with_stock(storehouse, tmp_path, LAMP=10)
        replay(storehouse, monday, *to(tmp_path))

        _, of_own = replay(storehouse, own, *to(tmp_path))
        _, tried = replay(storehouse, late, "--dry-run", *to(tmp_path))
        _, shipped = replay(storehouse, late, *to(tmp_path))
        _, again = replay(storehouse, late, *to(tmp_path))

        assert on_hand(storehouse) == {"LAMP": 4}
    told = "without a name from another file: if a line has now shipped twice"
    assert [told in each for each in (of_own, tried, shipped, again)] == [
        *(False, True, True, False)
    ]
    assert "take its pieces back: row 2\n" in tried
