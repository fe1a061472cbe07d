"""`catalog export`: what import reads, and nothing is lost."""

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.adapters.export_products import exported_products
from catalog.application.commands import RegisterProduct
from catalog.domain.value_objects import (
    Description,
    OpeningStock,
    Price,
    ProductName,
)
from shared_kernel.domain.errors import InvalidValue
from shared_kernel.domain.sku import Sku
from shared_kernel.files import export as exports
from shared_kernel.runtime.running import RunningServices
from shared_kernel.storage.prepared import Prepared
from tests.databases import Databases
from tests.storehouses import a_csv, a_storehouse, rows_of, run, some_ndjson


def export(storehouse: RunningServices, *arguments: str | Path) -> str:
    result = run(storehouse.context("catalog").cli, "export", *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def import_file(storehouse: RunningServices, path: Path) -> None:
    result = run(storehouse.context("catalog").cli, "import", path)
    assert result.exit_code == 0, result.output


def _valid(kind: type) -> Callable[[str], bool]:
    def is_valid(text: str) -> bool:
        try:
            kind(text)
        except InvalidValue:
            return False
        return True

    return is_valid


def nasty(kind: type, longest: int) -> st.SearchStrategy[Any]:
    """Values that begin like formulas, with quotes, apostrophes and line ends."""
    begin = st.sampled_from(["", "=", "+", "-", "@", "'", "''", "'=", '"', "\t", "\r"])
    inner = st.text(
        st.sampled_from("'\",;\r\n\t=é1A ") | st.characters(codec="utf-8"),
        min_size=1,
        max_size=longest,
    )
    texts = st.builds(lambda a, b: a + b, begin, inner)
    return texts.filter(_valid(kind)).map(kind)


def _as_json(product: RegisterProduct) -> dict[str, object]:
    price = product.price
    return {
        "sku": product.sku.code,
        "name": product.name.text,
        "description": product.description and product.description.text,
        "price": price
        and {"minor_units": price.minor_units, "currency": price.currency},
    }


def json_rows(storehouse: RunningServices) -> list[dict[str, object]]:
    return [
        json.loads(line)
        for line in export(storehouse, "--format", "ndjson").splitlines()
    ]


PRODUCTS = st.lists(
    st.builds(
        RegisterProduct,
        sku=st.from_regex(r"\A[A-Z0-9][A-Z0-9-]{0,9}\Z").map(Sku),
        name=nasty(ProductName, 20),
        description=st.none() | nasty(Description, 40),
        price=st.none()
        | st.builds(Price, st.integers(0, 10**12), st.sampled_from(["EUR", "KWD"])),
        opening_stock=st.just(OpeningStock(0)),
    ),
    max_size=6,
    unique_by=lambda product: product.sku.code,
)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_an_export_into_an_empty_shop_exports_the_same(form: str) -> None:
    @settings(max_examples=8, deadline=None)
    @given(PRODUCTS)
    def check(products: list[RegisterProduct]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"products.{form}"
            (Path(folder) / "a").mkdir()
            given = some_ndjson(Path(folder) / "given.ndjson", map(_as_json, products))
            with a_storehouse(Path(folder) / "a") as first:
                import_file(first, given)
                export(first, "-o", file)
                assert len(json_rows(first)) == len(products)
            (Path(folder) / "b").mkdir()
            with a_storehouse(Path(folder) / "b") as second:
                import_file(second, file)
                again = file.with_name(f"again.{form}")
                export(second, "-o", again)
                assert again.read_bytes() == file.read_bytes()

    check()


def test_discontinued_products_are_discontinued_again(tmp_path: Path) -> None:
    header = "sku,name,price,price_currency,status"
    rows = [
        ["A", "Lamp", "19.99", "EUR", "discontinued"],
        ["B", "=1+1", "", "", "listed"],
    ]
    with a_storehouse(tmp_path) as storehouse:
        import_file(storehouse, a_csv(tmp_path / "p.csv", header, rows))
        csv = export(storehouse)
        lines = export(storehouse, "--format", "ndjson").splitlines()

    assert csv.splitlines() == [
        "sku,name,description,price_minor_units,price_currency,status",
        "A,Lamp,,1999,EUR,discontinued",
        "B,'=1+1,,,,listed",
    ]
    assert json.loads(lines[1]) == {"sku": "B", "name": "=1+1", "status": "listed"}


@pytest.mark.proof_on("postgresql")
def test_an_export_is_of_one_moment_and_has_every_page(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "PAGE", 2)
    rows = [[f"A-{number}", "Lamp"] for number in range(5)]
    file = a_csv(tmp_path / "p.csv", "sku,name", rows)
    with a_storehouse(databases) as storehouse:
        import_file(storehouse, file)
        with exported_products(storehouse.context("catalog").log.database) as exported:
            first = next(exported.pages)
            import_file(
                storehouse, a_csv(tmp_path / "q.csv", "sku,name", [["A-9", "Late"]])
            )
            later = [row[0] for page in exported.pages for row in page]

        assert exported.total == 5
        assert [row[0] for row in first] + later == [f"A-{n}" for n in range(5)]
        assert "A-9" in export(storehouse)


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_an_export_holds_one_page_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    rows, encoded = Prepared.rows, exports._encoded
    steps: list[tuple[str, int]] = []

    def read(*arguments: Any) -> list[Any]:
        page = rows(*arguments)
        steps.append(("read", len(page)))
        return page

    def write(page: exports.Page, columns: Sequence[str], form: str) -> bytes:
        steps.append(("written", len(page)))
        return encoded(page, columns, form)

    lamps = [[f"A-{number}", "Lamp"] for number in range(5)]
    with a_storehouse(tmp_path) as storehouse:
        import_file(storehouse, a_csv(tmp_path / "p.csv", "sku,name", lamps))
        monkeypatch.setattr(exports, "PAGE", 2)
        monkeypatch.setattr(exports, "_encoded", write)
        monkeypatch.setattr(Prepared, "rows", read)
        export(storehouse, "--format", form)

    pages = [("read", 2), ("written", 2), ("read", 2), ("written", 2)]
    assert steps == [*pages, ("read", 1), ("written", 1), ("read", 0)]


def test_a_file_is_replaced_as_a_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "out.csv"
    file.write_text("before")

    def broken(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    with a_storehouse(tmp_path) as storehouse:
        import_file(storehouse, a_csv(tmp_path / "p.csv", "sku,name", [["A", "a"]]))
        with monkeypatch.context() as patch:
            patch.setattr(exports, "_encoded", broken)
            result = run(storehouse.context("catalog").cli, "export", "-o", file)
        assert (result.exit_code, file.read_text()) == (2, "before")
        assert "No space left on device" in result.output
        assert list(tmp_path.glob("*.part")) == []

        export(storehouse, "-o", file)
        assert [row["sku"] for row in rows_of(file)] == ["A"]
