"""Executes docs/a-third-context.md, with `new-context`, in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from app import CONTEXTS

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "a-third-context.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TUTORIAL.read_text("utf-8"), re.DOTALL)
EXCERPTS = [block for kind, block in BLOCKS if kind in {"python", "gherkin"}]
PARTS = ["app.py", "pyproject.toml", "Makefile", "Procfile", "README.md", "LICENSE"]
PARTS += ["CONTRIBUTING.md", "CHANGELOG.md", "requirements", "docs", "samples"]
PARTS += ["features", "tests", "shared_kernel", "schemathesis.toml", ".gitignore"]
PARTS += [context.name for context in CONTEXTS]
ON_POSTGRESQL = "--only nats:one:postgresql --only jetstream:split:postgresql"

# `make check` of the copy leaves out the unit tests of the other contexts, which are
# strangers to the new one: they have run in the project itself a moment ago. Whatever
# reads declarations runs again, and so does each feature.
STRANGERS = [f"tests/{context.name}" for context in CONTEXTS]

pytestmark = [pytest.mark.server, pytest.mark.proof]


@attrs.frozen
class Step:
    """A command of the tutorial and its expected output; `…` matches anything."""

    command: str
    expected: str

    def matches(self, output: str) -> bool:
        lines = [
            re.escape(line).replace("…", ".*") for line in self.expected.splitlines()
        ]
        wanted = "\n".join(lines).replace("\n.*\n", r"\n(?:.*\n)*").rstrip("\n")
        return (
            re.search(wanted, "\n".join(map(str.rstrip, output.splitlines())))
            is not None
        )


def steps() -> Iterator[Step]:
    for kind, block in BLOCKS:
        if kind == "console":
            for part in block.split("$ ")[1:]:
                command, _, expected = part.partition("\n")
                yield Step(command, expected)


def a_copy(folder: Path) -> Path:
    """A copy of the project in `folder`, with the times of its files.

    So the modules that are compiled already are valid there, and mypy's cache is.
    """
    being_written = shutil.ignore_patterns("*.pyc.*")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=being_written)
        else:
            shutil.copy2(ROOT / part, folder / part)
    # Share the environment.
    environment = Path(sys.prefix)
    (folder / ".venv").symlink_to(environment)
    if (ROOT / ".mypy_cache").is_dir():
        shutil.copytree(ROOT / ".mypy_cache", folder / ".mypy_cache")
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_copy(tmp_path_factory.mktemp("project"))


def run(project: Path, command: str) -> str:
    """The output and errors of a command that must succeed."""
    bin_folder = Path(sys.executable).parent
    environment = {
        # Not of the pytest that runs this test, and not of its make.
        **{
            name: value
            for name, value in os.environ.items()
            if "PYTEST" not in name and name not in {"MAKEFLAGS", "MAKELEVEL"}
        },
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(project),
        "PYTEST_ADDOPTS": " ".join(f"--ignore={folder}" for folder in STRANGERS),
    }
    ended = subprocess.run(
        command,
        shell=True,
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, f"{command}\n{ended.stdout[-6000:]}"
    return ended.stdout


def test_the_tutorial_works(project: Path) -> None:
    for step in steps():
        output = run(project, step.command)
        assert step.matches(output), f"{step}\n{output[-6000:]}"

    for excerpt in EXCERPTS:
        place, _, text = excerpt.removeprefix("# ").partition("\n")
        assert text in (project / place).read_text("utf-8"), place

    run(project, f"python -m features.everywhere --tags @ordering {ON_POSTGRESQL}")
    # LATE_JOINER_EVENTS says how many events it begins with.
    run(project, "pytest -q -n 2 tests/ordering")
