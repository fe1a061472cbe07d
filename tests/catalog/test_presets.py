"""Products in the files of other shop software."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.adapters.imports.product_imports import ProductImports
from catalog.adapters.presets.html_text import text_of_html
from shared_kernel.runtime.running import RunningServices
from tests.catalog.listings import listed
from tests.queues import work_off
from tests.storehouses import a_csv, a_storehouse, rows_of, run

FILES = Path(__file__).parents[1] / "data" / "files"
SHOPIFY = ("--preset", "shopify", "--currency", "EUR")
WOOCOMMERCE = ("--preset", "woocommerce", "--currency", "EUR")


def import_products(
    storehouse: RunningServices, file: Path, *options: str | Path
) -> tuple[int, str]:
    result = run(storehouse.context("catalog").cli, "import", file, *options)
    return result.exit_code, result.output


def products(storehouse: RunningServices) -> dict[str, tuple[str, object]]:
    """Names and prices in minor units, by SKU."""
    return {
        each["code"]: (each["name"], each["price"] and each["price"]["minor_units"])
        for each in listed(storehouse)
    }


def pieces(storehouse: RunningServices) -> dict[str, int]:
    log = storehouse.context("catalog").log
    return {
        each.key: int(each.data.decode().split('"stock_count":')[1].split(",")[0])
        for each in log.read(0, 100)
        if each.type == "product.inserted"
    }


def test_a_file_of_shopify_is_refused_without_its_preset(tmp_path: Path) -> None:
    with a_storehouse(tmp_path) as storehouse:
        code, output = import_products(storehouse, FILES / "07-shopify.csv")

    assert code == 2
    assert "--preset shopify" in output


def test_a_preset_needs_the_currency_of_the_prices(tmp_path: Path) -> None:
    file = FILES / "07-shopify.csv"
    with a_storehouse(tmp_path) as storehouse:
        code, output = import_products(storehouse, file, "--preset", "shopify")

    assert code == 2
    assert "--currency: expected with the preset shopify" in output


def test_a_product_of_shopify_is_registered_with_price_pieces_and_plain_text(
    tmp_path: Path,
) -> None:
    refused = ("--refused", tmp_path / "refused.csv")
    with a_storehouse(tmp_path) as storehouse:
        code, output = import_products(
            storehouse, FILES / "07-shopify.csv", *SHOPIFY, *refused
        )
        [lamp] = listed(storehouse)

        assert (code, pieces(storehouse)) == (0, {"LAMP-9": 4})
    assert "1 registered, 0 skipped, 0 refused" in output
    assert lamp["price"] == {"minor_units": 1999, "currency": "EUR"}
    assert lamp["description"] == "Nice"


def test_variants_are_products_of_their_own_and_what_is_none_is_left_out(
    tmp_path: Path,
) -> None:
    refused = tmp_path / "refused.csv"
    file = FILES / "46-shopify-variants.csv"
    with a_storehouse(tmp_path) as storehouse:
        code, output = import_products(storehouse, file, *SHOPIFY, "--refused", refused)
        assert products(storehouse) == {
            "POT-S": ("Clay pot - Small", 999),
            "POT-L": ("Clay pot - Large", 1599),
        }
        assert pieces(storehouse) == {"POT-S": 1, "POT-L": 3}

    assert code == 1
    assert "2 registered, 2 skipped, 1 refused" in output
    assert "left out as a draft: row 6" in output
    [lamp] = rows_of(refused)
    assert (lamp["sku"], lamp["name"], lamp["price"]) == ("", "Lamp", "59.99")
    assert "handle 'lamp'" in lamp["reason"]
    assert "--sku-from handle" in lamp["reason"]


def test_the_refused_rows_are_ours_and_can_be_mended_without_the_preset(
    tmp_path: Path,
) -> None:
    refused = tmp_path / "refused.csv"
    with a_storehouse(tmp_path) as storehouse:
        file = FILES / "46-shopify-variants.csv"
        import_products(storehouse, file, *SHOPIFY, "--refused", refused)
        mended = refused.read_text("utf-8").replace("\n,Lamp", "\nLAMP-1,Lamp")
        refused.write_text(mended, "utf-8")
        code, _ = import_products(storehouse, refused)

        assert code == 0
        assert products(storehouse)["LAMP-1"] == ("Lamp", 5999)


def test_empty_skus_can_be_taken_from_handles_and_options(tmp_path: Path) -> None:
    header = "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price"
    rows = [
        ["lamp", "Lamp", "Title", "Default Title", "", "5"],
        ["pot", "Pot", "Size", "Very small", "", "6"],
        ["pot", "", "", "Large", "", "7"],
    ]
    file = a_csv(tmp_path / "p.csv", header, rows)
    with a_storehouse(tmp_path) as storehouse:
        code, _ = import_products(storehouse, file, *SHOPIFY, "--sku-from", "handle")

        assert code == 0
        assert products(storehouse) == {
            "lamp": ("Lamp", 500),
            "pot-Very-small": ("Pot - Very small", 600),
            "pot-Large": ("Pot - Large", 700),
        }


def test_a_variant_without_the_row_of_its_title_is_refused(tmp_path: Path) -> None:
    header = "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price"
    file = a_csv(tmp_path / "p.csv", header, [["pot", "", "", "Large", "P-L", "7"]])
    with a_storehouse(tmp_path) as storehouse:
        code, output = import_products(storehouse, file, *SHOPIFY)

    assert code == 1
    assert "no row above has the Title of the handle 'pot'" in output


def test_without_a_status_unpublished_products_are_left_out(tmp_path: Path) -> None:
    rows = [["lamp", "Lamp", "L-1", "5", "false"]]
    header = "Handle,Title,Variant SKU,Variant Price,Published"
    file = a_csv(tmp_path / "p.csv", header, rows)
    with a_storehouse(tmp_path) as storehouse:
        code, output = import_products(storehouse, file, *SHOPIFY)

    assert code == 0
    assert "left out as not published: row 2" in output


def test_a_damaged_row_of_another_shop_is_refused_as_often_as_it_comes(
    tmp_path: Path,
) -> None:
    header = "Handle,Title,Variant SKU,Variant Price,Option1 Name,Option1 Value,Status"
    damaged = ["lamp", "Lamp", "L-1", "5", "Size", "Small"]
    file = a_csv(tmp_path / "p.csv", header, [damaged])
    refused = tmp_path / "p.csv.refused.csv"
    with a_storehouse(tmp_path) as storehouse:
        import_products(storehouse, file, *SHOPIFY)
        assert "lamp,Lamp,L-1,5,Size,Small" in refused.read_text("utf-8")
        code, output = import_products(storehouse, refused)

        assert code == 1
        assert "0 registered, 0 skipped, 1 refused" in output
        assert products(storehouse) == {}


WOO_HEADER = (
    "ID,Type,SKU,Name,Published,Short description,Description,Stock,Sale price,"
    "Regular price,Parent,Attribute 1 name,Attribute 1 value(s)"
)
WOO_ROWS = [
    [
        "1",
        "simple",
        "CAP",
        "Cap",
        "1",
        "",
        "<p>Warm</p>",
        "4",
        "9",
        "19,99",
        "",
        "",
        "",
    ],
    ["2", "variable", "TEE", "Tee", "1", "Soft\\nlight", "", "", "", "", "", "C", "R"],
    ["3", "variation", "TEE-R", "Tee", "1", "", "", "2", "", "12.5", "TEE", "C", "Red"],
    [
        "4",
        "variation",
        "TEE-B",
        "Tee - Blue",
        "1",
        "",
        "",
        "",
        "",
        "12",
        "id:2",
        "",
        "",
    ],
    ["5", "simple, virtual", "", "Course", "1", "", "", "", "", "5", "", "", ""],
    ["6", "simple", "OLD", "Old", "-1", "", "", "", "", "5", "", "", ""],
    ["7", "grouped", "SET", "Set", "1", "", "", "", "", "", "", "", ""],
]


def test_products_of_woocommerce_are_registered_and_parents_left_out(
    tmp_path: Path,
) -> None:
    file = a_csv(tmp_path / "w.csv", WOO_HEADER, WOO_ROWS)
    with a_storehouse(tmp_path) as storehouse:
        code, output = import_products(storehouse, file, *WOOCOMMERCE)
        assert products(storehouse) == {
            "CAP": ("Cap", 1999),
            "TEE-R": ("Tee - Red", 1250),
            "TEE-B": ("Tee - Blue", 1200),
        }
        assert pieces(storehouse) == {"CAP": 4, "TEE-R": 2, "TEE-B": 0}
        descriptions = {e["code"]: e["description"] for e in listed(storehouse)}

    assert code == 1
    assert descriptions["CAP"] == "Warm"
    assert descriptions["TEE-R"] == "Soft\nlight"
    assert "3 registered, 3 skipped, 1 refused" in output
    assert "left out as a draft: row 7" in output
    assert "sku is '': SKU is empty for 'Course'" in output


def test_a_file_of_woocommerce_is_recognized(tmp_path: Path) -> None:
    file = a_csv(tmp_path / "w.csv", WOO_HEADER, WOO_ROWS)
    with a_storehouse(tmp_path) as storehouse:
        code, output = import_products(storehouse, file)

    assert code == 2
    assert "--preset woocommerce" in output


def test_workers_register_what_a_preset_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = FILES / "46-shopify-variants.csv"
    with a_storehouse(tmp_path) as storehouse:
        monkeypatch.setattr(ProductImports, "announce", lambda _: work_off(storehouse))
        code, output = import_products(storehouse, file, *SHOPIFY, "--background")
        storehouse.workers.run_until_idle()

        assert code == 1
        assert output.count("left out as a draft: row 6") == 1
        assert products(storehouse)["POT-L"] == ("Clay pot - Large", 1599)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One &amp; two</p>\n<p>Three<br>four</p>", "One & two\nThree\nfour"),
        ("<ul><li>a</li><li><b>b</b> c</li></ul>", "- a\n- b c"),
        ("<style>p {}</style><p>seen</p><script>x()</script>", "seen"),
        ("5 < 6 & 7 > 6", "5 < 6 & 7 > 6"),
        ("caf&eacute;", "café"),
        ("<p><![if gte mso 9]>x<![endif]>y <![CDATA[z]]> <![foo[", "xy <![foo["),
        ("<p></p>", ""),
        ("", ""),
    ],
)
def test_html_becomes_text(html: str, text: str) -> None:
    assert text_of_html(html) == text


@settings(max_examples=60)
@given(st.text(st.sampled_from("<>!/[]-&;#x1apbr \"'=?\n"), max_size=30))
def test_any_html_becomes_text(html: str) -> None:
    assert "<p>" not in text_of_html(f"<p>{html}")
