"""A further context: what it is called, and where it has to be named."""

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
    """A copy of what the command looks at, fast to make."""
    for part in ("app.py", "pyproject.toml", "Procfile"):
        shutil.copy(ROOT / part, tmp_path / part)
    shutil.copytree(ROOT / "samples" / "skeleton", tmp_path / "samples" / "skeleton")
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "running.md", tmp_path / "docs")
    return tmp_path


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (Words("catalog", "page", "pages"), "there is a Python package catalog"),
        (Words("json", "page", "pages"), "there is a Python package json"),
        (Words("Billing", "invoice", "invoices"), "'Billing' is no name"),
        (Words("billing", "credit note", "notes"), "'credit note' is no name"),
        (Words("class", "pupil", "pupils"), "'class' is no name"),
        (Words("billing", "billing", "billings"), "have different names"),
        (Words("sales", "product", "products"), "catalog publishes product.* already"),
        (Words("billing", "version", "versions"), "the skeleton uses the name version"),
    ],
)
def test_a_name_that_cannot_be_is_refused_and_nothing_is_written(
    fresh: Path, words: Words, told: str
) -> None:
    before = contents(fresh)

    with pytest.raises(NewContextError, match=re.escape(told)):
        NewContext(fresh, words, CONTEXTS).write()

    assert contents(fresh) == before


@pytest.mark.parametrize("missing", ["app.py", "samples"])
def test_elsewhere_than_in_the_project_it_says_where(fresh: Path, missing: str) -> None:
    (fresh / missing).rename(fresh / "elsewhere")

    with pytest.raises(NewContextError, match="in the folder of the project"):
        NewContext(fresh, Words("billing", "invoice", "invoices"), CONTEXTS).write()


@pytest.mark.parametrize(
    "changed", ["app.py", "pyproject.toml", "docs/running.md", "Procfile"]
)
def test_a_file_without_a_place_for_it_is_named_and_nothing_is_written(
    fresh: Path, changed: str
) -> None:
    (fresh / changed).write_text("nothing\n")
    before = contents(fresh)

    with pytest.raises(NewContextError, match=f"{changed} is not as expected"):
        NewContext(fresh, Words("billing", "invoice", "invoices"), CONTEXTS).write()

    assert contents(fresh) == before


def test_what_is_there_is_not_overwritten(fresh: Path) -> None:
    (fresh / "tests" / "billing").mkdir(parents=True)
    (fresh / "tests" / "billing" / "test_billing.py").write_text("mine\n")

    with pytest.raises(NewContextError, match=r"test_billing\.py is there already"):
        NewContext(fresh, Words("billing", "invoice", "invoices"), CONTEXTS).write()

    assert not (fresh / "billing").exists()


def test_words_keep_their_articles(fresh: Path) -> None:
    NewContext(fresh, Words("billing", "invoice", "invoices"), CONTEXTS).write()

    feature = (fresh / "features/billing/opening_invoices.feature").read_text("utf-8")
    assert "Feature: Opening an invoice\n" in feature
    assert "An invoice is for one product" in feature
