"""The map of contexts, made from what they declare."""

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

from shared_kernel.runtime.context import (
    Context,
    Follows,
    Need,
    Relation,
    published_as,
    services_of,
)

BEGIN, END = "<!-- made by `context-map` -->", "<!-- end -->"


@attrs.frozen(order=True)
class FieldRead:
    """That `reader`, a class of `context`, reads `field` of `subject`.

    That is an event, or a route as in `GET /stock`.
    """

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
        for kind, subject in _read_by(context, contexts)
        for field in attrs.fields(kind)
    )


def _read_by(
    context: Context, contexts: Sequence[Context]
) -> Iterator[tuple[type, str]]:
    for kind, source, pattern in context.reads():
        for subject in published_as(contexts, source, pattern):
            yield kind, subject
    for need in context.needs:
        for kind, routes in need.reads.items():
            for route in routes:
                yield kind, route


def edges(contexts: Sequence[Context]) -> Iterator[tuple[Context, Follows]]:
    """Who follows another context, and how."""
    for context in contexts:
        for follows in context.follows:
            if follows.source != context.name:
                yield context, follows


def questions(contexts: Sequence[Context]) -> Iterator[tuple[Context, str, Need[Any]]]:
    """Who asks another context, and which, while somebody waits."""
    asked = {service.name: context.name for context, service in services_of(contexts)}
    for context in contexts:
        for need in context.needs:
            if asked[need.service] != context.name:
                yield context, asked[need.service], need


def as_document(contexts: Sequence[Context]) -> dict[str, Any]:
    """For programs."""
    return {
        "contexts": [
            {
                "name": each.name,
                "services": [service.name for service in each.services],
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
        ]
        + [
            {
                "upstream": asked,
                "downstream": context.name,
                "routes": routes_of(need),
                "kinds": [str(kind) for kind in need.relations],
            }
            for context, asked, need in questions(contexts)
        ]
        + [
            {
                "upstream": "shared kernel",
                "downstream": context.name,
                "kinds": [str(Relation.SHARED_KERNEL)],
            }
            for context in contexts
        ],
        "reads": [attrs.asdict(each) for each in fields_read(contexts)],
    }


def as_mermaid(contexts: Sequence[Context]) -> str:
    """A flowchart: an arrow from whose events to who follows them.

    A dotted one leads from who is asked to who asks, and waits for the answer.
    """
    lines = [
        "flowchart LR",
        "    others([other programs])",
        "    kernel[[shared kernel]]",
    ]
    for context in contexts:
        lines.append(f"    {context.name}[{context.name}]")
        for subject in context.accepts:
            told = f"{subject}<br>{Relation.PUBLISHED_LANGUAGE}"
            lines.append(f'    others -- "{told}" --> {context.name}')
    for context, follows in edges(contexts):
        kinds = ", ".join(follows.relations)
        told = f'"{follows.pattern.replace(">", "*")}<br>{kinds}"'
        lines.append(f"    {follows.source} -- {told} --> {context.name}")
    for context, asked, need in questions(contexts):
        told = f'"{", ".join(routes_of(need))}<br>{", ".join(need.relations)}"'
        lines.append(f"    {asked} -. {told} .-> {context.name}")
    for context in contexts:
        lines.append(f'    {context.name} -- "{Relation.SHARED_KERNEL}" --- kernel')
        if any(service.has_log for service in context.services):
            told = f"GET /events/{context.name}<br>{Relation.OPEN_HOST_SERVICE}"
            lines.append(f'    {context.name} -. "{told}" .-> others')
    return "\n".join(lines)


def as_markdown(contexts: Sequence[Context]) -> str:
    """The part of the document that is made: the flowchart, and who reads what."""
    rows = [
        f"| {context.name}, `{kind.__qualname__}` | {_all_of(patterns)} "
        f"| {_fields_of(kind)} | `{_file_of(kind)}` |"
        for context in contexts
        for kind, patterns in _patterns_read(context).items()
    ]
    return "\n".join(
        [
            BEGIN,
            "",
            "```mermaid",
            as_mermaid(contexts),
            "```",
            "",
            "| reader | event or route | fields | where |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
            END,
        ]
    )


def routes_of(need: Need[Any]) -> list[str]:
    """Those that answer it in another process."""
    return list(dict.fromkeys(route for each in need.reads.values() for route in each))


def _patterns_read(context: Context) -> dict[type, list[str]]:
    """The events, or routes, that are read as each class."""
    read = context.patterns_read()
    for need in context.needs:
        read |= {kind: list(routes) for kind, routes in need.reads.items()}
    return read


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
