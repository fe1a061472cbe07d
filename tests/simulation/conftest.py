"""The databases of simulations."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_kernel.migrations.migrate import Schema
from tests.databases import KINDS, FileTemplates, Schemas
from tests.simulation.grounds import Fresh, copied, emptied

MEMORY = Path("/dev/shm")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory if possible: nothing here depends on flushes of a disk."""
    if not MEMORY.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="storehouse-") as name:
        yield Path(name)


@pytest.fixture(
    params=[
        kind if kind == "sqlite" else pytest.param(kind, marks=pytest.mark.server)
        for kind in KINDS
    ]
)
def fresh(request: pytest.FixtureRequest) -> Iterator[Fresh]:
    """Clean databases for one run after the other, of each kind in turn."""
    if request.param == "postgresql":
        schemas: Schemas = request.getfixturevalue("schemas")
        with emptied(schemas) as again:
            yield again
    else:
        templates: FileTemplates = request.getfixturevalue("file_templates")
        folder: Path = request.getfixturevalue("folder")
        yield copied(templates, folder)


@pytest.fixture
def no_migrations(fresh: Fresh, monkeypatch: pytest.MonkeyPatch) -> None:
    """Databases are upgraded already: checking would take half of a run's time."""
    monkeypatch.setattr(Schema, "prepare", lambda *_: None)
