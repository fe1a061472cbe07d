"""The revisions of databases stay the same while tests run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from alembic.script import ScriptDirectory

from shared_kernel.migrations.migrate import Schema


@contextmanager
def read_once() -> Iterator[None]:
    """To read those of one storehouse anew takes as long as many a test does."""
    read: dict[Path, ScriptDirectory] = {}
    reading = Schema._scripts

    def once(schema: Schema) -> ScriptDirectory:
        if schema.revisions not in read:
            read[schema.revisions] = reading(schema)
        return read[schema.revisions]

    with patch.object(Schema, "_scripts", once):
        yield
