"""Where simulations keep their files."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_kernel.adapters.migrations.migrate import Schema
from tests.simulation.world import an_empty_storehouse

MEMORY = Path("/dev/shm")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where that can be had: nothing here depends on a disk's flushes."""
    if not MEMORY.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="storehouse-") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return an_empty_storehouse(tmp_path_factory.mktemp("simulation") / "template")


@pytest.fixture
def no_migrations(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The template is up to date: to look again takes half of a life's time."""
    monkeypatch.setattr(Schema, "prepare", lambda *_: None)
