"""The published language: `/asyncapi.json` for programs, `/docs/events` for people."""

import functools
import json
from collections.abc import Iterator, Mapping, Sequence

import attrs
from flask import Blueprint, Response

from shared_kernel.buses.patterns import matcher
from shared_kernel.operations.asyncapi import (
    describe_events,
    encoded,
    example_of,
    payload_of,
)
from shared_kernel.operations.described_buses import BUSES
from shared_kernel.operations.schemas import schema_of
from shared_kernel.runtime.context import Context, published_as, versions_of
from shared_kernel.web.pages import page
from shared_kernel.web.parameters import read_query
from shared_kernel.web.reference import Field, Schema, Schemas


@attrs.frozen(kw_only=True)
class EventEntry:
    """One event, or a message that is `accepted` of other programs.

    `followers` are the subscriptions that get it, with the fields that each reads.
    """

    subject: str
    told: Sequence[str]
    fields: Sequence[Field]
    example: str
    followers: Mapping[str, Sequence[str]]
    accepted: bool = False
    successor: str | None = None


def events_pages(contexts: Sequence[Context], summary: str) -> Blueprint:
    blueprint = Blueprint("events_reference", __name__)

    # Made on the first request, to keep the start quick.
    @functools.cache
    def document() -> bytes:
        return encoded(describe_events(contexts, summary))

    @functools.cache
    def by_context() -> dict[str, list[EventEntry]]:
        return {each.name: list(entries_of(each, contexts)) for each in contexts}

    @blueprint.get("/asyncapi.json")
    def asyncapi() -> Response:
        read_query(())
        return Response(document(), content_type="application/json")

    @blueprint.get("/docs/events")
    def events() -> Response:
        return page("web/events.html", by_context=by_context(), buses=BUSES)

    return blueprint


def entries_of(context: Context, contexts: Sequence[Context]) -> Iterator[EventEntry]:
    versions = versions_of(contexts)
    for subject, kind in context.published.items():
        successor = versions.successor_of(subject)
        # Subscriptions read the newest version only.
        read_by = {} if successor else followers_of(subject, context.name, contexts)
        entry = _entry(subject, schema_of(subject, kind), read_by)
        yield attrs.evolve(entry, successor=successor)
    for subject, kind in context.accepts.items():
        yield _entry(subject, payload_of(kind), {}, accepted=True)


def followers_of(
    subject: str, source: str, contexts: Sequence[Context]
) -> dict[str, list[str]]:
    """The fields of `subject` that each subscription reads, by its name."""
    followers: dict[str, list[str]] = {}
    for context in contexts:
        for follows in context.follows:
            if subject not in published_as(contexts, source, follows.pattern):
                continue
            if follows.source != source:
                continue
            read = followers.setdefault(follows.subscription, [])
            for kind, patterns in follows.reads.items():
                if any(matcher(pattern)(subject) for pattern in patterns):
                    read += [field.name for field in attrs.fields(kind)]
    return followers


def _entry(
    subject: str,
    schema: Schema,
    followers: Mapping[str, Sequence[str]],
    accepted: bool = False,
) -> EventEntry:
    return EventEntry(
        subject=subject,
        told=str(schema.get("description", "")).split("\n\n"),
        fields=list(Schemas({}).members(schema)),
        example=json.dumps(example_of(schema), indent=2, ensure_ascii=False),
        followers=followers,
        accepted=accepted,
    )
