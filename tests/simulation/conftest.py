"""The databases of simulations."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_kernel.migrations.migrate import Schema
from tests.databases import FileTemplates, Schemas
from tests.simulation.grounds import Fresh, copied, emptied
from tests.storehouses import ON_EACH_DATABASE


@pytest.fixture(params=ON_EACH_DATABASE)
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fresh]:
    """Clean databases for one run after the other, of each kind in turn."""
    if request.param == "postgresql":
        schemas: Schemas = request.getfixturevalue("schemas")
        with emptied(schemas) as again:
            yield again
    else:
        templates: FileTemplates = request.getfixturevalue("file_templates")
        yield copied(templates, tmp_path)


@pytest.fixture
def no_migrations(fresh: Fresh, monkeypatch: pytest.MonkeyPatch) -> None:
    """Databases are upgraded already: checking would take half of a run's time."""
    monkeypatch.setattr(Schema, "prepare", lambda *_: None)
