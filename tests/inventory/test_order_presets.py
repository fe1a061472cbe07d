"""Order lines in the files of other shop software."""

from pathlib import Path

import pytest

from shared_kernel.runtime.running import RunningServices
from tests.storehouses import a_csv, a_storehouse, run

SHOPIFY = (
    "Name,Email,Fulfillment Status,Created at,Fulfilled at,Cancelled at,"
    "Lineitem quantity,Lineitem name,Lineitem sku,Lineitem requires shipping,"
    "Lineitem fulfillment status"
)
SHOPIFY_ROWS = [
    ["#1001", "a@b.c", "partial", "2024-01-31 10:00:00 +0100", "2024-02-01 9:00", "",
     "2", "Lamp", "A-1", "true", "fulfilled"],
    ["#1001", "", "", "", "", "", "5", "Lamp", "B-1", "true", "pending"],
    ["#1002", "", "", "2024-02-02 10:00:00 +0100", "", "2024-02-03 10:00",
     "1", "Lamp", "A-1", "true", "fulfilled"],
    ["#1002", "", "", "", "", "", "1", "Chair", "B-1", "true", "restocked"],
    ["#1003", "", "", "2024-02-02", "", "", "1", "Gift card", "G-1", "false", ""],
    ["#1003", "", "", "", "", "", "1", "A tip", "", "true", "fulfilled"],
    ["#1003", "", "", "", "", "", "3", "Lamp", "A-1", "true", "partial"],
    ["#1003", "", "", "", "", "", "3", "Chair", "B-1", "true", ""],
]  # fmt: skip
WOOCOMMERCE = "Order Number,Order Status,Order Date,Item #,SKU,Item Name,Quantity"
WOOCOMMERCE_ROWS = [
    ["7", "Completed", "2024-01-31 10:00", "1", "A-1", "Lamp", "2"],
    ["", "", "", "2", "B-1", "Chair", "3"],
    ["8", "wc-cancelled", "2024-01-31 10:00", "1", "A-1", "Lamp", "2"],
    ["9", "On hold", "2024-01-31 10:00", "1", "A-1", "Lamp", "2"],
    ["10", "shipped?", "2024-01-31 10:00", "1", "A-1", "Lamp", "2"],
    ["11", "completed", "2024-01-31 10:00", "1", "", "A tip", "1"],
]


def replayed(
    storehouse: RunningServices, folder: Path, header: str, rows: list[list[str]]
) -> str:
    stock = [["A-1", "Lamp", "100"], ["B-1", "Chair", "100"], ["G-1", "Card", "100"]]
    products = a_csv(folder / "products.csv", "sku,name,stock_count", stock)
    run(storehouse.context("catalog").cli, "import", products)
    preset = "shopify-orders" if header == SHOPIFY else "woocommerce-orders"
    file = a_csv(folder / "orders.csv", header, rows)
    return run(
        storehouse.context("inventory").cli, "replay-orders", file, "--preset", preset
    ).output


def on_hand(storehouse: RunningServices) -> list[str]:
    return run(storehouse.context("inventory").cli, "export").stdout.split()[1:]


def test_lines_of_shopify_that_have_left_are_shipped(tmp_path: Path) -> None:
    with a_storehouse(tmp_path) as storehouse:
        output = replayed(storehouse, tmp_path, SHOPIFY, SHOPIFY_ROWS)

        assert on_hand(storehouse) == ["A-1,98,0", "B-1,97,0", "G-1,100,0"]
    assert "2 shipped, 4 skipped, 2 refused" in output
    assert "left out as lines of cancelled orders: 2 rows (4, 5)" in output
    assert "left out as lines that are not fulfilled: row 3" in output
    assert "left out as lines that need no shipping: row 6" in output
    assert "Lineitem sku is empty for 'A tip'" in output
    assert "how many pieces have left is not said" in output


def test_lines_of_completed_orders_of_woocommerce_are_shipped(tmp_path: Path) -> None:
    with a_storehouse(tmp_path) as storehouse:
        output = replayed(storehouse, tmp_path, WOOCOMMERCE, WOOCOMMERCE_ROWS)

        assert on_hand(storehouse) == ["A-1,98,0", "B-1,97,0", "G-1,100,0"]
    assert "2 shipped, 2 skipped, 2 refused" in output
    assert "left out as lines of cancelled orders: row 4" in output
    assert "left out as lines that are not fulfilled: row 5" in output
    assert "Order Status is 'shipped?', expected one of: cancelled" in output
    assert "SKU is empty for 'A tip'" in output


def test_a_line_of_woocommerce_is_known_in_any_export_by_its_item_id(
    tmp_path: Path,
) -> None:
    """`Item #` counts what is exported: here the first line is left out later."""
    header = f"{WOOCOMMERCE},item_id"
    lamp = ["7", "Completed", "2024-01-31 10:00", "1", "A-1", "Lamp", "2", "341"]
    chair = ["7", "Completed", "2024-01-31 10:00", "2", "B-1", "Chair", "3", "342"]
    one_more = [*chair[:7], "343"]
    with a_storehouse(tmp_path) as storehouse:
        monday = replayed(storehouse, tmp_path, header, [lamp, chair])
        chair[3], one_more[3] = "1", "2"
        tuesday = replayed(storehouse, tmp_path, header, [chair, one_more])

        assert on_hand(storehouse) == ["A-1,98,0", "B-1,94,0", "G-1,100,0"]
    assert "2 shipped, 0 skipped, 0 refused" in monday
    assert "1 shipped, 1 skipped, 0 refused" in tuesday


@pytest.mark.parametrize(
    ("header", "preset"),
    [(SHOPIFY, "shopify-orders"), (WOOCOMMERCE, "woocommerce-orders")],
)
def test_an_order_export_is_recognized(
    tmp_path: Path, header: str, preset: str
) -> None:
    file = a_csv(tmp_path / "orders.csv", header, [])
    with a_storehouse(tmp_path) as storehouse:
        result = run(storehouse.context("inventory").cli, "replay-orders", file)

    assert result.exit_code == 2
    assert f"--preset {preset}" in result.output
