"""`flask --app app catalog import`: registers the rows of a file, or refuses them."""

import signal
from pathlib import Path

import pytest

from catalog.adapters.import_products import ImportProducts
from shared_kernel.files import run as bulk_run
from shared_kernel.files import text_lines
from shared_kernel.runtime.running import RunningServices
from tests.catalog.listings import listed, rows_of_listing
from tests.databases import Databases
from tests.storehouses import (
    SUPERSTORE,
    Crash,
    Moment,
    a_copy_of,
    a_csv,
    a_storehouse,
    crash_at_commit,
    rows_of,
    run,
    some_ndjson,
)

pytestmark = pytest.mark.proof_on("postgresql")

HEADER = "sku,name,price_minor_units,price_currency,stock_count,description"


def import_products(
    storehouse: RunningServices, *arguments: str | Path
) -> tuple[int, str]:
    result = run(storehouse.context("catalog").cli, "import", *arguments)
    return result.exit_code, result.output


@pytest.mark.slow
def test_the_real_products_are_listed_and_the_32_duplicates_refused_by_name(
    databases: Databases, tmp_path: Path
) -> None:
    refused = tmp_path / "refused.csv"
    with a_storehouse(databases) as storehouse:
        code, output = import_products(
            storehouse, SUPERSTORE / "products.csv", "--refused", refused
        )
        shown = listed(storehouse)

    assert code == 1
    assert "1,862 registered, 0 skipped, 32 refused" in output
    assert (
        "row 679: OFF-PA-10000659: OFF-PA-10000659 is already registered as "
        "'TOPS Carbonless Receipt Book, Four 2-3/4 x 7-1/4 Money Receipts per Page'"
    ) in output
    assert len(shown) == 1862
    assert {product["availability"] for product in shown} == {"in_stock"}
    assert len(rows_of(refused)) == 32
    assert all("is already registered as" in row["reason"] for row in rows_of(refused))


@pytest.mark.slow
def test_a_second_import_skips_all_but_what_was_refused(
    databases: Databases, tmp_path: Path
) -> None:
    file = SUPERSTORE / "products.csv", "--refused", tmp_path / "refused.csv"
    with a_storehouse(databases) as storehouse:
        import_products(storehouse, *file)
        before = rows_of_listing(storehouse)

        _, output = import_products(storehouse, *file)

        assert "0 registered, 1,862 skipped, 32 refused" in output
        assert rows_of_listing(storehouse) == before


def test_ndjson_is_accepted_like_a_post_to_products(
    databases: Databases, tmp_path: Path
) -> None:
    file = some_ndjson(
        tmp_path / "products.ndjson",
        [
            {
                "name": "Lamp",
                "sku": "LAMP-1",
                "stock_count": 3,
                "description": "Bright",
                "price": {"minor_units": 1999, "currency": "EUR"},
            },
            {"name": "Chair", "sku": "CHAIR-1", "price": None},
            {"name": "Desk", "sku": "DESK-1", "price_minor_units": 5, "x": 1},
        ],
    )
    with a_storehouse(databases) as storehouse:
        code, output = import_products(storehouse, file)
        lamp, chair = listed(storehouse)

    assert code == 1
    assert "row 3: DESK-1: x: no such field" in output
    assert lamp["price"] == {"minor_units": 1999, "currency": "EUR"}
    assert (lamp["description"], lamp["availability"]) == ("Bright", "in_stock")
    assert (chair["price"], chair["availability"]) == (None, "out_of_stock")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (
            ["LAMP/name", "Lamp", "", "", "1", ""],
            (
                "sku is 'LAMP/name', expected another name: '/name' has a meaning in "
                "our URLs"
            ),
        ),
        (
            ["LAMP-1", "", "", "", "1", ""],
            "name is '', expected 1 to 200 characters without control characters",
        ),
        (
            ["LAMP-1", "Lamp", "12.50", "USD", "1", ""],
            (
                "price_minor_units is '12.50', expected a whole number of minor units "
                "(cents, say), as in 1999; the column for amounts like 19.99 is price"
            ),
        ),
        (
            ["LAMP-1", "Lamp", "1250", "", "1", ""],
            "price_currency is '', expected an ISO 4217 code in use, such as 'EUR'",
        ),
        (
            ["LAMP-1", "Lamp", "", "", "-1", ""],
            (
                "stock_count is '-1', expected a whole number of pieces from 0 to "
                "1000000000"
            ),
        ),
        (
            ["", "Lamp", "", "", "many", ""],
            (
                "sku is '', expected 1 to 64 visible characters, with single spaces "
                "within; stock_count is 'many', expected a whole number of pieces "
                "from 0 to 1000000000"
            ),
        ),
        (["LAMP-1", "Lamp"], "2 values where the header has 6 columns"),
    ],
)
def test_a_bad_row_is_refused_with_its_number_column_and_expected_value(
    databases: Databases, tmp_path: Path, row: list[str], reason: str
) -> None:
    good = ["CHAIR-1", "Chair", "", "", "", ""]
    file = a_csv(tmp_path / "products.csv", HEADER, [good, row])
    with a_storehouse(databases) as storehouse:
        code, output = import_products(storehouse, file)

        assert code == 1
        assert f"row 3: {row[0]}: {reason}\n" in output
        assert [product["code"] for product in listed(storehouse)] == ["CHAIR-1"]


def test_refused_rows_keep_their_columns_and_can_be_corrected_and_imported(
    databases: Databases, tmp_path: Path
) -> None:
    rows = [["LAMP-1", 'A "bright", é lamp', "19.99"], ["CHAIR-1", "Chair", "1"]]
    file = a_csv(tmp_path / "p.csv", "sku,name,stock_count", rows)
    refused = tmp_path / "p.csv.refused.csv"
    with a_storehouse(databases) as storehouse:
        import_products(storehouse, file)
        [row] = rows_of(refused)
        assert list(row) == ["sku", "name", "stock_count", "reason"]
        assert list(row.values())[:3] == rows[0]

        text = refused.read_text("utf-8")
        refused.write_text(text.replace(",19.99,", ",19,"), "utf-8")
        code, output = import_products(storehouse, refused)

        assert code == 0
        assert "1 registered, 0 skipped, 0 refused" in output


def test_a_run_without_refusals_deletes_the_file_of_refused_rows(
    databases: Databases, tmp_path: Path
) -> None:
    file = a_csv(tmp_path / "products.csv", "sku,name", [["LAMP-1", ""]])
    with a_storehouse(databases) as storehouse:
        import_products(storehouse, file)
        assert (tmp_path / "products.csv.refused.csv").exists()

        a_csv(file, "sku,name", [["LAMP-1", "Lamp"]])
        import_products(storehouse, file)

        assert not (tmp_path / "products.csv.refused.csv").exists()


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("p.csv", b"", "no column sku, name in its first line"),
        ("p.csv", b"sku:name\n", "no column sku, name in its first line"),
        ("p.csv", b"sku,name,name\n", "more than one column name"),
        ("p.csv", "sku,name\nA,é\n".encode("latin-1"), "line 2 is not UTF-8"),
        ("p.csv", "sku,name\n".encode("utf-16-le"), "--encoding utf-16-le"),
        ("p.csv", b"PK\x03\x04", "this is a workbook"),
        ("p.csv.gz", b"\x1f\x8b\x08\x00cut short", "cannot be unpacked"),
        ("p.xlsx", b"", "say which it is with --format"),
        ("p.ndjson", b'{"sku":"' + b"A" * 2**10, "line 1 is longer than"),
    ],
)
def test_an_unusable_file_gives_one_clear_line_and_exit_code_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    content: bytes,
    problem: str,
) -> None:
    monkeypatch.setattr(text_lines, "LONGEST_LINE", 2**10)
    file = tmp_path / name
    file.write_bytes(content)
    with a_storehouse(tmp_path) as storehouse:
        code, output = import_products(storehouse, file)

    [line] = [line for line in output.splitlines() if line.startswith("Error: ")]
    assert code == 2
    assert problem in line


def test_a_missing_file_gives_exit_code_2(tmp_path: Path) -> None:
    with a_storehouse(tmp_path) as storehouse:
        code, output = import_products(storehouse, tmp_path / "none.csv")

    assert (code, output) == (
        2,
        f"Error: {tmp_path / 'none.csv'}: No such file or directory\n",
    )


def test_the_refusals_are_never_written_to_the_file_itself(tmp_path: Path) -> None:
    file = a_csv(tmp_path / "products.csv", "sku,name", [["LAMP-1", "Lamp"]])
    with a_storehouse(tmp_path) as storehouse:
        code, _ = import_products(storehouse, file, "--refused", file)

    assert code == 2
    assert file.exists()


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(
    databases: Databases, tmp_path: Path
) -> None:
    file = tmp_path / "products.csv"
    file.write_bytes("\ufeffsku,name\r\nLAMP-1,Lampe für alle\r\n".encode())
    with a_storehouse(databases) as storehouse:
        code, _ = import_products(storehouse, file)

        assert code == 0
        assert listed(storehouse)[0]["name"] == "Lampe für alle"


@pytest.fixture
def thirty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of thirty products, imported in three chunks."""
    monkeypatch.setattr(bulk_run, "CHUNK", 10)
    rows = [[f"LAMP-{number}", f"Lamp {number}", "2"] for number in range(30)]
    return a_csv(tmp_path / "products.csv", "sku,name,stock_count", rows)


def test_ctrl_c_ends_after_the_chunk_and_the_next_import_continues(
    databases: Databases, thirty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = ImportProducts.apply

    def interrupted(work: ImportProducts, rows: list[object]) -> object:
        signal.raise_signal(signal.SIGINT)
        return apply(work, rows)  # type: ignore[arg-type] # handed on as it came

    with a_storehouse(databases) as storehouse:
        with monkeypatch.context() as patch:
            patch.setattr(ImportProducts, "apply", interrupted)
            code, output = import_products(storehouse, thirty)
        assert code == 130
        assert "10 registered" in output
        assert len(listed(storehouse)) == 10

        code, output = import_products(storehouse, thirty)

        assert code == 0
        assert "20 registered, 10 skipped" in output
        assert len(listed(storehouse)) == 30


@pytest.mark.proof_on("postgresql", "after")
@pytest.mark.slow
@pytest.mark.parametrize("moment", ["instead of", "after"])
def test_after_a_crash_at_any_commit_a_repeated_import_completes(
    databases: Databases, tmp_path: Path, thirty: Path, moment: Moment
) -> None:
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
                    import_products(storehouse, thirty)
                    crashed = False
                except Crash:
                    patch.undo()
            with a_storehouse(copy) as storehouse:
                _, output = import_products(storehouse, thirty)
                shown = listed(storehouse)

        assert ", 0 refused" in output
        assert [product["code"] for product in shown] == [
            f"LAMP-{number}" for number in range(30)
        ]
        assert {product["availability"] for product in shown} == {"in_stock"}
    assert number > 10
