"""What a linter does not see: signs on doors, names, and modules that do nothing."""

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
ROOMS = [path for path in SOURCES if path.name == "__init__.py"]
PURE = [
    path
    for path in SOURCES
    if {"domain", "application"} & set(path.parts) or path.name == "published.py"
]

# PriceChanged is an event and needs not say so; StockEvent may be what they all share.
MEANINGLESS = re.compile(r"(Manager|Helper|Utils?|Base|Impl|Data|Info|edEvent)$")


def named(path: Path) -> str:
    return str(path)


def tree_of(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), filename=str(path))


@pytest.mark.parametrize("room", ROOMS, ids=named)
def test_a_room_has_a_sign_on_its_door_and_nothing_else(room: Path) -> None:
    tree = tree_of(room)

    assert ast.get_docstring(tree)
    assert len(tree.body) == 1


def test_every_folder_of_code_is_a_room() -> None:
    folders = {path.parent for path in SOURCES}

    without_a_sign = folders - {room.parent for room in ROOMS}

    # Alembic loads its scripts by path.
    assert {path for path in without_a_sign if "migrations" not in path.parts} == set()


@pytest.mark.parametrize("path", PURE, ids=named)
def test_the_model_never_asks_what_time_it_is(path: Path) -> None:
    asked = [
        node.lineno
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"now", "utcnow", "today"}
    ]

    assert asked == []


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_no_class_hides_behind_a_meaningless_word(path: Path) -> None:
    hidden = [
        node.name
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ClassDef) and MEANINGLESS.search(node.name)
    ]

    assert hidden == []


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


def test_tests_and_features_are_no_packages() -> None:
    """Otherwise two test files of one name collide, and steps are imported twice."""
    found = [
        path.relative_to(ROOT)
        for folder in ("tests", "features")
        for path in (ROOT / folder).rglob("__init__.py")
    ]

    assert found == []


def test_all_steps_are_where_behave_looks_and_shadow_no_package() -> None:
    """behave ignores folders in steps/ and puts steps/ itself on the import path."""
    steps = ROOT / "features" / "steps"

    assert [p.name for p in steps.rglob("*.py") if p.parent != steps] == []
    assert [p.name for p in steps.glob("*.py") if not p.stem.endswith("_steps")] == []


@pytest.mark.parametrize(
    "path",
    [path for path in (ROOT / "shared_kernel").rglob("*.*") if path.suffix != ".pyc"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_the_kernel_names_no_context(path: Path) -> None:
    names = "|".join(context.name for context in CONTEXTS)

    assert re.findall(names, path.read_text("utf-8"), re.IGNORECASE) == []
