"""Rules that no linter checks: package docstrings, names, imports without effects."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app import CONTEXTS

ROOT = Path(__file__).parents[2]
PACKAGES = (*(context.name for context in CONTEXTS), "shared_kernel")
SOURCES = sorted(
    path.relative_to(ROOT) for name in PACKAGES for path in (ROOT / name).rglob("*.py")
)
INITS = [path for path in SOURCES if path.name == "__init__.py"]
PURE = [
    path
    for path in SOURCES
    if {"domain", "application"} & set(path.parts) or path.name == "published.py"
]

# An event is PriceChanged, not PriceChangedEvent; a base class StockEvent is allowed.
MEANINGLESS = re.compile(r"(Manager|Helper|Utils?|Base|Impl|Data|Info|edEvent)$")


def path_id(path: Path) -> str:
    return str(path)


def tree_of(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), filename=str(path))


@pytest.mark.parametrize("init", INITS, ids=path_id)
def test_a_package_init_has_a_docstring_and_nothing_else(init: Path) -> None:
    tree = tree_of(init)

    assert ast.get_docstring(tree)
    assert len(tree.body) == 1


def test_every_folder_of_code_is_a_package() -> None:
    folders = {path.parent for path in SOURCES}

    without_init = folders - {init.parent for init in INITS}

    # Alembic loads its revisions by path.
    assert {path for path in without_init if "migrations" not in path.parts} == set()


@pytest.mark.parametrize("path", PURE, ids=path_id)
def test_the_model_never_asks_what_time_it_is(path: Path) -> None:
    clock_reads = [
        node.lineno
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"now", "utcnow", "today"}
    ]

    assert clock_reads == []


@pytest.mark.parametrize("path", SOURCES, ids=path_id)
def test_no_class_has_a_meaningless_suffix(path: Path) -> None:
    meaningless = [
        node.name
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ClassDef) and MEANINGLESS.search(node.name)
    ]

    assert meaningless == []


@pytest.mark.slow
def test_importing_everything_starts_nothing_and_writes_nothing(tmp_path: Path) -> None:
    modules = [
        ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        for path in SOURCES
        if "migrations" not in path.parts
    ]
    program = (
        "import importlib, sys, threading\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "sys.exit(str(threading.enumerate()) if threading.active_count() > 1 else 0)\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program, *modules, "app"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


def test_tests_and_features_are_not_packages() -> None:
    """Otherwise test files with the same name collide, and steps are imported twice."""
    found = [
        path.relative_to(ROOT)
        for folder in ("tests", "features")
        for path in (ROOT / folder).rglob("__init__.py")
    ]

    assert found == []


def test_all_steps_are_in_one_folder_and_shadow_no_package() -> None:
    """behave ignores folders in steps/ and puts steps/ itself on the import path."""
    steps = ROOT / "features" / "steps"

    assert [p.name for p in steps.rglob("*.py") if p.parent != steps] == []
    assert [p.name for p in steps.glob("*.py") if not p.stem.endswith("_steps")] == []


WORDS_OF_BROKERS = re.compile(
    r"ordering[ _]?key|enable[_-]message[_-]ordering", re.IGNORECASE
)


@pytest.mark.parametrize(
    "path",
    [path for path in (ROOT / "shared_kernel").rglob("*.*") if path.suffix != ".pyc"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_the_kernel_names_no_context(path: Path) -> None:
    """A context may be called `ordering`, though Pub/Sub has ordering keys."""
    names = "|".join(context.name for context in CONTEXTS)
    text = WORDS_OF_BROKERS.sub("", path.read_text("utf-8"))

    assert re.findall(names, text, re.IGNORECASE) == []
