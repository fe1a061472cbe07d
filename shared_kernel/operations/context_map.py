"""The map of contexts, made from what they declare."""

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

from shared_kernel.runtime.context import Context, Follows, published_as

BEGIN, END = "<!-- made by `context-map` -->", "<!-- end -->"


@attrs.frozen(order=True)
class FieldRead:
    """That `reader`, a class of `context`, reads `field` of the event `subject`."""

    subject: str
    field: str
    context: str
    reader: str
    required: bool
    file: str
    line: int


def fields_read(contexts: Sequence[Context]) -> list[FieldRead]:
    """Who reads which field of what, by subject and field."""
    return sorted(
        FieldRead(
            subject=subject,
            field=field.name,
            context=context.name,
            reader=kind.__qualname__,
            required=field.default is attrs.NOTHING,
            file=_file_of(kind),
            line=_line_of(kind, field.name),
        )
        for context in contexts
        for kind, source, pattern in context.reads()
        for subject in published_as(contexts, source, pattern)
        for field in attrs.fields(kind)
    )


def edges(contexts: Sequence[Context]) -> Iterator[tuple[Context, Follows]]:
    """Who follows another context, and how."""
    for context in contexts:
        for follows in context.follows:
            if follows.source != context.name:
                yield context, follows


def as_document(contexts: Sequence[Context]) -> dict[str, Any]:
    """For programs."""
    return {
        "contexts": [
            {
                "name": each.name,
                "services": list(each.services),
                "publishes": list(each.published),
                "accepts": list(each.accepts),
            }
            for each in contexts
        ],
        "relations": [
            {
                "upstream": follows.source,
                "downstream": context.name,
                "subjects": follows.pattern,
                "subscription": follows.subscription,
                "kinds": [str(kind) for kind in follows.relations],
            }
            for context, follows in edges(contexts)
        ],
        "reads": [attrs.asdict(each) for each in fields_read(contexts)],
    }


def as_mermaid(contexts: Sequence[Context]) -> str:
    """A flowchart: an arrow from whose events to who follows them."""
    lines = ["flowchart LR"]
    for context in contexts:
        lines.append(f"    {context.name}[{context.name}]")
        lines += [
            f"    others([other programs]) -- {subject} --> {context.name}"
            for subject in context.accepts
        ]
    for context, follows in edges(contexts):
        kinds = ", ".join(follows.relations)
        told = f'"{follows.pattern.replace(">", "*")}<br>{kinds}"'
        lines.append(f"    {follows.source} -- {told} --> {context.name}")
    return "\n".join(lines)


def as_markdown(contexts: Sequence[Context]) -> str:
    """The part of the document that is made: the flowchart, and who reads what."""
    rows = [
        f"| {context.name}, `{kind.__qualname__}` | {_all_of(patterns)} "
        f"| {_fields_of(kind)} | `{_file_of(kind)}` |"
        for context in contexts
        for kind, patterns in context.patterns_read().items()
    ]
    return "\n".join(
        [
            BEGIN,
            "",
            "```mermaid",
            as_mermaid(contexts),
            "```",
            "",
            "| reader | event | fields | where |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
            END,
        ]
    )


def renewed(document: str, contexts: Sequence[Context]) -> str:
    """`document` with its made part made anew. Raises ValueError if it has none."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"has no part between {BEGIN} and {END}")
    return before + as_markdown(contexts) + after


def _all_of(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _fields_of(kind: type) -> str:
    """Those that have to be there first."""
    fields = attrs.fields(kind)
    required = [each.name for each in fields if each.default is attrs.NOTHING]
    others = [each.name for each in fields if each.name not in required]
    return _all_of(required) + (f"; {_all_of(others)} if there" if others else "")


def _file_of(kind: type) -> str:
    """Beside the top of its package, as it stands in the project's folder."""
    parts = Path(*kind.__module__.split("."))
    return parts.with_suffix(".py").as_posix()


def _line_of(kind: type, field: str) -> int:
    lines, first = inspect.getsourcelines(kind)
    for number, line in enumerate(lines):
        if line.strip().startswith(f"{field}:"):
            return first + number
    return first
