"""`new-context`: refused names, and the files that must name the context."""

import re
import shutil
from pathlib import Path

import pytest

from app import CONTEXTS
from shared_kernel.operations.new_context import NewContext, NewContextError
from shared_kernel.operations.skeleton import Words

ROOT = Path(__file__).parents[3]


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A copy of only the files that the command reads or changes."""
    for part in ("app.py", "pyproject.toml", "Procfile"):
        shutil.copy(ROOT / part, tmp_path / part)
    shutil.copytree(ROOT / "samples" / "skeleton", tmp_path / "samples" / "skeleton")
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "running.md", tmp_path / "docs")
    return tmp_path


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (Words("catalog", "page", "pages"), "a Python package catalog already exists"),
        (Words("json", "page", "pages"), "a Python package json already exists"),
        (Words("Billing", "invoice", "invoices"), "'Billing' is not a valid name"),
        (Words("billing", "credit note", "notes"), "'credit note' is not a valid name"),
        (Words("class", "pupil", "pupils"), "'class' is not a valid name"),
        (Words("billing", "billing", "billings"), "must have different names"),
        (Words("sales", "product", "products"), "catalog already publishes product.*"),
        (Words("billing", "version", "versions"), "another use for the name version"),
    ],
)
def test_an_invalid_name_is_refused_and_nothing_is_written(
    fresh: Path, words: Words, message: str
) -> None:
    before = contents(fresh)

    with pytest.raises(NewContextError, match=re.escape(message)):
        NewContext(fresh, words, CONTEXTS).write()

    assert contents(fresh) == before


@pytest.mark.parametrize("missing", ["app.py", "samples"])
def test_outside_the_project_the_error_names_the_right_folder(
    fresh: Path, missing: str
) -> None:
    (fresh / missing).rename(fresh / "elsewhere")

    with pytest.raises(NewContextError, match="in the project's folder"):
        NewContext(fresh, Words("billing", "invoice", "invoices"), CONTEXTS).write()


@pytest.mark.parametrize(
    "changed", ["app.py", "pyproject.toml", "docs/running.md", "Procfile"]
)
def test_a_file_with_unexpected_format_is_named_and_nothing_is_written(
    fresh: Path, changed: str
) -> None:
    (fresh / changed).write_text("nothing\n")
    before = contents(fresh)

    with pytest.raises(
        NewContextError, match=f"context billing to {changed}: its format"
    ):
        NewContext(fresh, Words("billing", "invoice", "invoices"), CONTEXTS).write()

    assert contents(fresh) == before


def test_an_existing_file_is_not_overwritten(fresh: Path) -> None:
    (fresh / "tests" / "billing").mkdir(parents=True)
    (fresh / "tests" / "billing" / "test_billing.py").write_text("mine\n")

    with pytest.raises(NewContextError, match=r"test_billing\.py already exists"):
        NewContext(fresh, Words("billing", "invoice", "invoices"), CONTEXTS).write()

    assert not (fresh / "billing").exists()


def test_the_article_fits_the_aggregate(fresh: Path) -> None:
    NewContext(fresh, Words("billing", "invoice", "invoices"), CONTEXTS).write()

    feature = (fresh / "features/billing/opening_invoices.feature").read_text("utf-8")
    assert "Feature: Opening an invoice\n" in feature
    assert "An invoice is for one product" in feature
