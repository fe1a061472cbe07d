"""The published language of earlier releases, which today's must not break.

Each context keeps the schemas of each release in `schemas/released/VERSION/`. All of
them are compared: the log still has events of all of them.
"""

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import msgspec

from shared_kernel.operations.compatibility import Change, changes, removed_event
from shared_kernel.operations.context_map import FieldRead, fields_read
from shared_kernel.operations.schemas import schema_of, write_schemas
from shared_kernel.runtime.context import Context

VERSION = re.compile(r"\d+(\.\d+)*")

Schemas = Mapping[str, Mapping[str, Any]]


@attrs.frozen(kw_only=True)
class Difference:
    """A change of `subject` since `release`, and the classes that read the field."""

    subject: str
    release: str
    change: Change
    readers: Sequence[FieldRead]

    def __str__(self) -> str:
        change = self.change
        place = f"{self.subject}.{change.field}" if change.field else self.subject
        said = f"{place} {change.what} (since {self.release}: {change.verdict})"
        if not change.breaks:
            return said
        who = "; ".join(
            f"{each.context}, {each.reader} ({each.file}:{each.line})"
            for each in self.readers
        )
        return (
            f"{said}. Read by: {who or 'no context here, perhaps by other programs'}. "
            f"Instead: {change.instead}."
        )


def differences(contexts: Sequence[Context]) -> list[Difference]:
    """All changes since all releases, also those that break nothing."""
    read = fields_read(contexts)
    return [
        difference
        for context in contexts
        for release, schemas in released(folder_of(context)).items()
        for difference in compared(release, schemas, schemas_of(context), read)
    ]


def compared(
    release: str, old: Schemas, new: Schemas, read: Sequence[FieldRead]
) -> Iterator[Difference]:
    """What changed since `release`; events that are new since then are no change."""
    for subject, schema in old.items():
        found = changes(schema, new[subject]) if subject in new else [removed_event()]
        for change in found:
            field = re.split(r"[.\[]", change.field)[0]
            readers = [
                each
                for each in read
                if each.subject == subject and field in ("", each.field)
            ]
            yield Difference(
                subject=subject, release=release, change=change, readers=readers
            )


def schemas_of(context: Context) -> dict[str, dict[str, Any]]:
    """Those of today, by subject."""
    return {subject: schema_of(subject, k) for subject, k in context.published.items()}


def released(folder: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """The schemas by subject of each release, the newest release first."""
    found = sorted((folder / "released").glob("*/"), key=_order, reverse=True)
    return {each.name: _read(each) for each in found}


def release(context: Context, version: str) -> Path:
    """Keep today's schemas as those of `version`; return the folder."""
    folder = folder_of(context) / "released" / version
    write_schemas(context.published, folder)
    return folder


def folder_of(context: Context) -> Path:
    """The schemas of a context stand beside its `published.py`."""
    for kind in context.published.values():
        return Path(inspect.getfile(kind)).parent / "schemas"
    raise LookupError(f"{context.name} publishes no events")


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    schemas = (
        msgspec.json.decode(f.read_bytes()) for f in sorted(folder.glob("*.json"))
    )
    return {schema["title"]: schema for schema in schemas}


def _order(folder: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", folder.name)]
