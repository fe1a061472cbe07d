"""`catalog import`: prices, updates and dry runs."""

from pathlib import Path

import pytest

from catalog.adapters.imports.product_imports import ProductImports
from catalog.adapters.product_rows import key_of
from shared_kernel.files import run as bulk_run
from shared_kernel.files.dry_run import EarlierRows
from shared_kernel.files.row_file import Row
from shared_kernel.runtime.running import RunningServices
from tests.catalog.listings import listed, rows_of_listing
from tests.queues import work_off
from tests.storehouses import a_csv, a_storehouse, rows_of, run

FILES = Path(__file__).parents[1] / "data" / "files"


def import_products(
    storehouse: RunningServices, *arguments: str | Path
) -> tuple[int, str]:
    result = run(storehouse.context("catalog").cli, "import", *arguments)
    return result.exit_code, result.output


def prices(storehouse: RunningServices) -> dict[str, object]:
    return {
        each["code"]: each["price"]
        and (each["price"]["minor_units"], each["price"]["currency"])
        for each in listed(storehouse)
    }


def test_minor_units_are_whole_and_the_message_names_the_column_for_amounts(
    tmp_path: Path,
) -> None:
    with a_storehouse(tmp_path) as storehouse:
        code, _ = import_products(
            storehouse, FILES / "06-prices.csv", "--refused", tmp_path / "refused.csv"
        )
        registered = prices(storehouse)
    reasons = {row["sku"]: row["reason"] for row in rows_of(tmp_path / "refused.csv")}

    assert code == 1
    assert registered == {"P-4": (1500, "JPY"), "P-5": (1500, "KWD")}
    assert set(reasons) == {"P-1", "P-2", "P-3", "P-6", "P-7", "P-8"}
    assert reasons["P-2"] == (
        "price_minor_units is '19.99', expected a whole number of minor units (cents, "
        "say), as in 1999; the column for amounts like 19.99 is price"
    )
    assert "expected 'EUR'" in reasons["P-6"]
    assert "price_minor_units is '-5'" in reasons["P-7"]
    assert "price_currency is ''" in reasons["P-8"]


def test_prices_are_read_in_the_notation_of_their_currency(tmp_path: Path) -> None:
    rows = [
        ["A", "a", "19.99", ""],
        ["B", "b", "1.234,50 EUR", ""],
        ["C", "c", "1500", "JPY"],
        ["D", "d", "1,234", ""],
        ["E", "e", "5 EUR", "USD"],
        ["F", "f", "-5", ""],
        ["G", "g", "", ""],
    ]
    file = a_csv(tmp_path / "p.csv", "sku,name,price,price_currency", rows)
    with a_storehouse(tmp_path) as storehouse:
        code, output = import_products(storehouse, file, "--currency", "USD")

        assert code == 1
        assert prices(storehouse) == {
            "A": (1999, "USD"),
            "B": (123450, "EUR"),
            "C": (1500, "JPY"),
            "G": None,
        }
    assert "this is 1.234 USD or 1234 USD" in output
    assert "price_currency is 'USD', expected 'EUR', as the price says" in output
    assert "price is '-5', expected an amount of 0 or more" in output


def test_a_price_given_in_both_ways_is_refused(tmp_path: Path) -> None:
    file = a_csv(
        tmp_path / "p.csv", "sku,name,price,price_minor_units", [["A", "a", "5", "5"]]
    )
    with a_storehouse(tmp_path) as storehouse:
        code, output = import_products(storehouse, file, "--currency", "EUR")

    assert code == 1
    assert "price or price_minor_units, not both" in output


def test_an_unknown_currency_option_is_refused_before_the_file_is_read(
    tmp_path: Path,
) -> None:
    file = a_csv(tmp_path / "p.csv", "sku,name,price", [["A", "a", "5"]])
    with a_storehouse(tmp_path) as storehouse:
        code, output = import_products(storehouse, file, "--currency", "eur")

    assert code == 2
    assert "'eur' is no ISO 4217 code in use, such as EUR" in output


HEADER = "sku,name,price,description,stock_count"
BEFORE = [
    ["A", "Lamp", "5.00", "Bright", "2"],
    ["B", "Chair", "5.00", "", "2"],
    ["C", "Desk", "", "", "2"],
]
AFTER = [
    ["A", "Desk lamp", "6.00", "", "9"],
    ["B", "Chair", "5.00", "", ""],
    ["D", "Shelf", "7.00", "", "1"],
    ["D", "Long shelf", "", "", ""],
]


def changed(storehouse: RunningServices, tmp_path: Path, *options: str) -> str:
    """Import one file, and then another."""
    eur = ("--currency", "EUR")
    first = a_csv(tmp_path / "before.csv", HEADER, BEFORE)
    assert import_products(storehouse, first, *eur)[0] == 0
    second = a_csv(tmp_path / "after.csv", HEADER, AFTER)
    return import_products(storehouse, second, *eur, *options)[1]


def test_what_is_registered_already_is_refused_with_what_differs(
    tmp_path: Path,
) -> None:
    with a_storehouse(tmp_path) as storehouse:
        output = changed(storehouse, tmp_path)

    assert "1 registered, 1 skipped, 2 refused" in output
    assert (
        "A is already registered as 'Lamp'; it differs in its name ('Lamp' there, "
        "'Desk lamp' here), price (5.00 EUR there, 6.00 EUR here)"
    ) in output
    assert "the option update makes it as the file says: 2 rows (2, 5)" in output


def test_an_update_changes_what_differs_and_nothing_that_the_row_leaves_empty(
    tmp_path: Path,
) -> None:
    with a_storehouse(tmp_path) as storehouse:
        output = changed(storehouse, tmp_path, "--update")
        shown = {each["code"]: each for each in listed(storehouse)}
        events = storehouse.context("catalog").log.read(0, 100)

    assert "1 registered, 2 updated, 1 skipped, 0 refused" in output
    assert shown["A"]["name"] == "Desk lamp"
    assert shown["A"]["description"] == "Bright"
    assert shown["D"]["name"] == "Long shelf"
    assert [(each.type, each.key) for each in events[3:]] == [
        ("product.renamed", "A"),
        ("product.repriced", "A"),
        ("product.inserted", "D"),
        ("product.renamed", "D"),
    ]


def test_a_stock_count_of_a_known_product_is_told(tmp_path: Path) -> None:
    with a_storehouse(tmp_path) as storehouse:
        changed(storehouse, tmp_path)
        code, output = import_products(
            storehouse, tmp_path / "before.csv", "--currency", "EUR"
        )

    assert code == 0
    assert (
        "registered already, so stock_count is not used (counts come by `inventory "
        "import-counts`): 3 rows (2, 3, 4)"
    ) in output


@pytest.mark.parametrize("options", [(), ("--update",)])
@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_a_dry_run_reports_what_an_import_would_and_keeps_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    chunk: int,
) -> None:
    monkeypatch.setattr(bulk_run, "CHUNK", chunk)
    with a_storehouse(tmp_path) as storehouse:
        first = a_csv(tmp_path / "before.csv", HEADER, BEFORE)
        import_products(storehouse, first, "--currency", "EUR")
        before = rows_of_listing(storehouse)
        kept = tmp_path / "after.csv.refused.csv"
        kept.write_text("of an earlier run")

        dry = changed(storehouse, tmp_path, *options, "--dry-run")
        assert "This was a dry run: nothing of it was kept." in dry
        assert rows_of_listing(storehouse) == before
        assert kept.read_text() == "of an earlier run"

        real = changed(storehouse, tmp_path, *options)
        assert _comparable(dry) == _comparable(real)


@pytest.mark.parametrize("options", [("--update",), ("--update", "--dry-run")])
def test_workers_do_the_same_in_the_background(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    def refused(*door: str) -> list[dict[str, str]]:
        where = tmp_path / "-".join(["door", *door])
        where.mkdir()
        there = where / "refused.csv"
        with a_storehouse(where) as storehouse:
            monkeypatch.setattr(
                ProductImports, "announce", lambda _: work_off(storehouse)
            )
            first = a_csv(where / "before.csv", HEADER, BEFORE)
            import_products(storehouse, first, "--currency", "EUR")
            rows = [*AFTER, ["E", "", "", "", ""]]
            second = a_csv(where / "after.csv", HEADER, rows)
            given = ("--currency", "EUR", *options, *door)
            code, output = import_products(
                storehouse, second, "--refused", there, *given
            )
            assert code == 1
            assert ("dry run" in output) == ("--dry-run" in options)
        counted = "1 would be registered" if "--dry-run" in options else "1 registered"
        assert f"{counted}, 2 updated, 1 skipped, 1 refused" in output
        return rows_of(there)

    assert refused() == refused("--background")


def _comparable(output: str) -> list[str]:
    """Without times, names of files and what only a dry run says."""
    return [
        line.split(" in ")[0].replace("would be registered", "registered")
        for line in output.splitlines()
        if "All that was refused" not in line and "dry run" not in line
    ]


def test_earlier_rows_of_the_same_product_are_found_in_any_case() -> None:
    earlier = EarlierRows(key_of)
    earlier.add(Row(2, {"sku": "abc", "name": "x"}))

    [found] = earlier.like([Row(9, {"sku": "ABC "})])

    assert found == Row(2, {"sku": "abc", "name": "x"})
    earlier.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--sku-from", "handle"), "--sku-from: handle goes with the preset shopify"),
        (("--preset", "woocommerce"), "--currency: expected with the preset woocomm"),
    ],
)
@pytest.mark.parametrize("door", [(), ("--background",)])
def test_options_that_make_no_sense_are_refused_with_what_would(
    tmp_path: Path, options: tuple[str, ...], said: str, door: tuple[str, ...]
) -> None:
    file = a_csv(tmp_path / "p.csv", "sku,name", [["A", "a"]])
    with a_storehouse(tmp_path) as storehouse:
        code, output = import_products(storehouse, file, *options, *door)

    assert code == 2
    assert said in output
