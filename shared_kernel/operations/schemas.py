"""The JSON Schemas (2020-12) of a published language, made from its classes.

`python -m shared_kernel.operations.schemas [CONTEXT …]` writes those of the
contexts named, or of all in this folder.

The docstring of a class tells its fields, one a line, as `name: meaning [unit], e.g.
value`. The first sentence of the meaning, and the unit, are promises
(`compatibility.py`).
"""

import importlib
import inspect
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import msgspec

from shared_kernel.events.versions import schema_file

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_NOTE = re.compile(
    r"(?P<name>\w+): (?P<meaning>.+?)"
    r"(?: \[(?P<unit>[^]]+)\])?(?:, e\.g\. (?P<example>.+))?"
)


def schema_of(subject: str, kind: type) -> dict[str, Any]:
    """The schema of a payload of `subject`, without references.

    Additional fields are allowed: a new optional field keeps the version.
    """
    _, components = msgspec.json.schema_components([kind])
    described = inlined(components[kind.__name__], components)
    noted = notes_of(kind)
    return {
        "$schema": DIALECT,
        "$id": schema_file(subject),
        "title": subject,
        "description": description_of(kind),
        "type": "object",
        "properties": {
            name: {**noted.get(name, {}), **property_}
            for name, property_ in described["properties"].items()
        },
        "required": described["required"],
    }


def description_of(kind: type) -> str:
    """The docstring, without the lines about fields."""
    fields = [field.name for field in attrs.fields(kind)]
    return _without_notes(inspect.cleandoc(kind.__doc__ or ""), fields)


def _without_notes(text: str, fields: Collection[str]) -> str:
    paragraphs = text.split("\n\n")
    return "\n\n".join(p for p in paragraphs if p.partition(":")[0] not in fields)


def notes_of(kind: type) -> dict[str, dict[str, Any]]:
    """What the docstrings tell of each field, as keywords of JSON Schema."""
    fields = [field.name for field in attrs.fields(kind)]
    notes: dict[str, dict[str, Any]] = {}
    for each in reversed(kind.__mro__):
        notes |= _notes_in(inspect.cleandoc(each.__doc__ or ""), fields)
    return notes


def _notes_in(text: str, fields: Collection[str]) -> dict[str, dict[str, Any]]:
    found = [_NOTE.fullmatch(line) for line in _lines(text)]
    return {
        each["name"]: _keywords(each)
        for each in found
        if each and each["name"] in fields
    }


def _keywords(found: re.Match[str]) -> dict[str, Any]:
    keywords: dict[str, Any] = {"description": found["meaning"]}
    if found["unit"]:
        keywords["x-unit"] = found["unit"]
    if found["example"]:
        keywords["examples"] = [msgspec.json.decode(found["example"])]
    return keywords


def _lines(text: str) -> Iterator[str]:
    """The lines of `text`; an indented one continues the line before."""
    return iter(re.sub(r"\n +", " ", text).splitlines())


def inlined(schema: Any, components: Mapping[str, Any]) -> Any:
    """`schema` with the schemas that it refers to in their places, and their notes."""
    if isinstance(schema, list):
        return [inlined(each, components) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        named = components[schema["$ref"].rpartition("/")[2]]
        return inlined(_noted(named), components)
    return {name: inlined(each, components) for name, each in schema.items()}


def _noted(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a class within another one, with what its docstring tells."""
    properties = schema.get("properties", {})
    text = inspect.cleandoc(schema.get("description", ""))
    notes = _notes_in(text, properties)
    told = {name: {**notes.get(name, {}), **each} for name, each in properties.items()}
    if not properties:
        return dict(schema)
    described = _without_notes(text, properties)
    return {**schema, "properties": told} | ({"description": described} if text else {})


def schema_files(subjects: Mapping[str, type]) -> dict[str, bytes]:
    """The files of a context, by name."""
    return {
        schema_file(subject): msgspec.json.format(
            msgspec.json.encode(schema_of(subject, kind)), indent=2
        )
        + b"\n"
        for subject, kind in subjects.items()
    }


def write_schemas(subjects: Mapping[str, type], folder: Path) -> None:
    """Write the schemas of `subjects` to `folder`, and delete all others."""
    folder.mkdir(exist_ok=True, parents=True)
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
