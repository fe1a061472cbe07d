"""The JSON Schemas (2020-12) of a published language, made from its classes.

`python -m shared_kernel.operations.schemas [CONTEXT …]` writes those of the
contexts named, or of all in this folder.
"""

import importlib
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def file_name(subject: str) -> str:
    return f"{subject}.v1.json"


def schema_of(subject: str, kind: type) -> dict[str, Any]:
    """The schema of a payload of `subject`: a flat object of primitives.

    Additional fields are allowed: a new optional field keeps the version.
    """
    _, components = msgspec.json.schema_components([kind])
    described = components[kind.__name__]
    return {
        "$schema": DIALECT,
        "$id": file_name(subject),
        "title": subject,
        "description": inspect.cleandoc(kind.__doc__ or ""),
        "type": "object",
        "properties": described["properties"],
        "required": described["required"],
    }


def schema_files(subjects: Mapping[str, type]) -> dict[str, bytes]:
    """The files of a context, by name."""
    return {
        file_name(subject): msgspec.json.format(
            msgspec.json.encode(schema_of(subject, kind)), indent=2
        )
        + b"\n"
        for subject, kind in subjects.items()
    }


def write_schemas(subjects: Mapping[str, type], folder: Path) -> None:
    """Write the schemas of `subjects` to `folder`, and delete all others."""
    folder.mkdir(exist_ok=True)
    files = schema_files(subjects)
    for stale in folder.glob("*.json"):
        if stale.name not in files:
            stale.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def main(contexts: list[str]) -> None:
    every = sorted(path.parent.name for path in Path.cwd().glob("*/published.py"))
    for context in contexts or every:
        published = importlib.import_module(f"{context}.published")
        folder = Path(published.__file__ or "").parent / "schemas"
        write_schemas(published.SUBJECTS, folder)


if __name__ == "__main__":
    main(sys.argv[1:])
