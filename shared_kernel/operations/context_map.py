"""The context map, generated from the contexts' declarations."""

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
    """The class `reader` of `context` reads `field` of `subject`.

    The subject is that of an event, or a route such as `GET /prices`.
    """

    subject: str
    field: str
    context: str
    reader: str
    required: bool
    file: str
    line: int


def fields_read(contexts: Sequence[Context]) -> list[FieldRead]:
    """All fields that contexts read, ordered by subject and field."""
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


def subscriptions_between(
    contexts: Sequence[Context],
) -> Iterator[tuple[Context, Follows]]:
    """Each subscription to another context, with the subscribing context."""
    for context in contexts:
        for follows in context.follows:
            if follows.source != context.name:
                yield context, follows


def questions(contexts: Sequence[Context]) -> Iterator[tuple[Context, str, Need[Any]]]:
    """Synchronous queries: the asking context, the name of the provider, the port."""
    owners = {service.name: context.name for context, service in services_of(contexts)}
    for context in contexts:
        for need in context.needs:
            if owners[need.service] != context.name:
                yield context, owners[need.service], need


def as_document(contexts: Sequence[Context]) -> dict[str, Any]:
    """The context map as a JSON document."""
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
            for context, follows in subscriptions_between(contexts)
        ]
        + [
            {
                "upstream": provider,
                "downstream": context.name,
                "routes": routes_of(need),
                "kinds": [str(kind) for kind in need.relations],
            }
            for context, provider, need in questions(contexts)
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
    """A flowchart, with arrows from upstream to downstream.

    Solid arrows are events and messages, dotted ones are queries over HTTP.
    """
    lines = [
        "flowchart LR",
        "    others([other programs])",
        "    kernel[[shared kernel]]",
    ]
    for context in contexts:
        lines.append(f"    {context.name}[{context.name}]")
        for subject in context.accepts:
            label = f"{subject}<br>{Relation.PUBLISHED_LANGUAGE}"
            lines.append(f'    others -- "{label}" --> {context.name}')
    for context, follows in subscriptions_between(contexts):
        kinds = ", ".join(follows.relations)
        label = f'"{follows.pattern.replace(">", "*")}<br>{kinds}"'
        lines.append(f"    {follows.source} -- {label} --> {context.name}")
    for context, provider, need in questions(contexts):
        label = f'"{", ".join(routes_of(need))}<br>{", ".join(need.relations)}"'
        lines.append(f"    {provider} -. {label} .-> {context.name}")
    for context in contexts:
        lines.append(f'    {context.name} -- "{Relation.SHARED_KERNEL}" --- kernel')
        if any(service.has_log for service in context.services):
            label = f"GET /events/{context.name}<br>{Relation.OPEN_HOST_SERVICE}"
            lines.append(f'    {context.name} -. "{label}" .-> others')
    return "\n".join(lines)


def as_markdown(contexts: Sequence[Context]) -> str:
    """The generated part of the document: the flowchart, and a table of readers."""
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
    """The routes that the port uses over HTTP."""
    return list(dict.fromkeys(route for each in need.reads.values() for route in each))


def _patterns_read(context: Context) -> dict[type, list[str]]:
    """The events or routes that are decoded as each class."""
    read = context.patterns_read()
    for need in context.needs:
        read |= {kind: list(routes) for kind, routes in need.reads.items()}
    return read


def updated(document: str, contexts: Sequence[Context]) -> str:
    """`document` with a current generated part. Raises ValueError if it has none."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"has no part between {BEGIN} and {END}")
    return before + as_markdown(contexts) + after


def _all_of(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _fields_of(kind: type) -> str:
    """The fields of `kind`, the required ones first."""
    fields = attrs.fields(kind)
    required = [each.name for each in fields if each.default is attrs.NOTHING]
    others = [each.name for each in fields if each.name not in required]
    return _all_of(required) + (f"; {_all_of(others)} if there" if others else "")


def _file_of(kind: type) -> str:
    """The path of its module, relative to the project's folder."""
    parts = Path(*kind.__module__.split("."))
    return parts.with_suffix(".py").as_posix()


def _line_of(kind: type, field: str) -> int:
    lines, first = inspect.getsourcelines(kind)
    for number, line in enumerate(lines):
        if line.strip().startswith(f"{field}:"):
            return first + number
    return first
