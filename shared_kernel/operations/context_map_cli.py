"""The commands `context-map` and `impact`, which read the contexts' declarations."""

from collections.abc import Sequence
from pathlib import Path

import attrs
import click
import msgspec

from shared_kernel.operations.context_map import (
    as_document,
    as_mermaid,
    fields_read,
    questions,
    routes_of,
    updated,
)
from shared_kernel.operations.terminal import show_table
from shared_kernel.runtime.context import Context


def context_map_command(contexts: Sequence[Context]) -> click.Command:
    @click.command("context-map")
    @click.option(
        "--json", "as_json", is_flag=True, help="Print the whole map as JSON."
    )
    @click.option(
        "--write",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Update the generated part of this document.",
    )
    def context_map(as_json: bool, write: Path | None) -> None:
        """Draw the contexts and how they depend on each other (Mermaid)."""
        if as_json:
            click.echo(msgspec.json.format(msgspec.json.encode(as_document(contexts))))
        elif write is None:
            click.echo(as_mermaid(contexts))
        else:
            try:
                text = updated(write.read_text("utf-8"), contexts)
            except ValueError as error:
                raise click.ClickException(f"{write} {error}") from error
            write.write_text(text, "utf-8")

    return context_map


def impact_command(contexts: Sequence[Context]) -> click.Command:
    @click.command("impact")
    @click.argument("what", metavar="WHAT[.FIELD]")
    @click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON object per line."
    )
    def impact(what: str, as_json: bool) -> None:
        """Show which classes read an event, or a field of it, and its unread fields.

        WHAT is an event, or a route between contexts, such as "GET /prices".
        """
        subject, field = _named(contexts, what)
        found = [
            each
            for each in fields_read(contexts)
            if each.subject == subject and field in (None, each.field)
        ]
        fields = _fields_of(contexts, subject) if field is None else [field]
        unread = sorted(set(fields) - {each.field for each in found})
        if as_json:
            for each in found:
                click.echo(msgspec.json.encode(attrs.asdict(each)))
            return
        if found:
            show_table(
                ("field", "context", "class", "where", "without it"),
                [
                    (
                        each.field,
                        each.context,
                        each.reader,
                        f"{each.file}:{each.line}",
                        "breaks" if each.required else "still works",
                    )
                    for each in found
                ],
            )
        if unread:
            click.echo(f"Not read by any context: {', '.join(unread)}")

    return impact


def _named(contexts: Sequence[Context], what: str) -> tuple[str, str | None]:
    """The subject and the field, if one is named. Raises click.UsageError."""
    every = [subject for context in contexts for subject in context.published]
    every += [route for _, _, need in questions(contexts) for route in routes_of(need)]
    if what in every:
        return what, None
    subject, _, field = what.rpartition(".")
    if subject not in every:
        raise click.UsageError(
            f"unknown event or route {what}; expected one of {', '.join(every)}"
        )
    fields = _fields_of(contexts, subject)
    if field not in fields:
        raise click.UsageError(
            f"{subject} has no field {field}; it has {', '.join(fields)}"
        )
    return subject, field


def _fields_of(contexts: Sequence[Context], subject: str) -> list[str]:
    """The fields of an event; for a route only those that some context reads."""
    for context in contexts:
        if subject in context.published:
            return [field.name for field in attrs.fields(context.published[subject])]
    return [each.field for each in fields_read(contexts) if each.subject == subject]
