"""The AsyncAPI 3.1 document: events and messages, made from the declarations.

`python -m shared_kernel.operations.asyncapi APP FILE` writes it to FILE; the module APP
has `CONTEXTS` and `SUMMARY`.
"""

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import msgspec

from shared_kernel.buses.envelope import HEARTBEAT
from shared_kernel.events.cloud_events import BATCH_MEDIA_TYPE
from shared_kernel.events.versions import Versions
from shared_kernel.operations.described_buses import BUSES, Bindings, DescribedBus
from shared_kernel.operations.described_headers import CLOUD_EVENT
from shared_kernel.operations.schemas import inlined, schema_of
from shared_kernel.runtime.context import Context, published_as, versions_of
from shared_kernel.web.feed_http import EVENT
from shared_kernel.web.pages import TITLE, VERSION

Document = dict[str, Any]

JSON = "application/json"
HEADERS = "cloud-event"
RELAYS = {
    "type": "object",
    "properties": {"relays": {"type": "array", "items": {"type": "string"}}},
}


def describe_events(
    contexts: Sequence[Context], summary: str, buses: Sequence[DescribedBus] = BUSES
) -> Document:
    """Channels for what is published and accepted; operations for who does so."""
    parts = _Parts(contexts, buses)
    for context in contexts:
        parts.add_events(context)
        parts.add_accepted(context)
        parts.add_heartbeats(context)
        parts.add_logs(context)
        parts.add_subscriptions(context)
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": TITLE,
            "version": VERSION,
            "description": summary,
            "license": {"name": "MIT"},
        },
        "defaultContentType": JSON,
        "servers": {bus.name: _server(bus) for bus in buses},
        "channels": parts.channels,
        "operations": parts.operations,
        "components": {"schemas": {HEADERS: CLOUD_EVENT}, "messages": parts.messages},
    }


def encoded(document: Document) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def example_of(schema: Mapping[str, Any]) -> Any:
    """A value that `schema` accepts, of the examples of its fields."""
    if "examples" in schema:
        return schema["examples"][0]
    if "properties" in schema:
        return {name: example_of(each) for name, each in schema["properties"].items()}
    if "enum" in schema or "const" in schema:
        return schema.get("const", next(iter(schema.get("enum", ())), None))
    for branch in schema.get("anyOf", ()):
        return example_of(branch)
    if schema.get("type") != "array":
        return None
    return [example_of(schema["items"])] if "properties" in schema["items"] else []


def payload_of(kind: type) -> Document:
    """The schema of a message that is accepted."""
    _, components = msgspec.json.schema_components([kind])
    schema: Document = inlined(components[kind.__name__], components)
    return schema


@attrs.frozen
class _Parts:
    """The parts of the document, as far as they have been added."""

    contexts: Sequence[Context]
    buses: Sequence[DescribedBus]
    messages: Document = attrs.field(factory=dict)
    channels: Document = attrs.field(factory=dict)
    operations: Document = attrs.field(factory=dict)

    @property
    def _versions(self) -> Versions:
        return versions_of(self.contexts)

    def add_events(self, context: Context) -> None:
        for subject, kind in context.published.items():
            schema = schema_of(subject, kind)
            payload = {k: v for k, v in schema.items() if k not in ("$schema", "$id")}
            self._add_channel(context, subject, payload, schema["description"])
            self._add_operation(context, "publishes", subject, self._sending())
            if successor := self._versions.successor_of(subject):
                self.messages[subject]["deprecated"] = True
                self.messages[subject]["x-successor"] = successor

    def add_accepted(self, context: Context) -> None:
        for subject, kind in context.accepts.items():
            told = f"Messages of other programs, for {context.name}."
            self._add_channel(context, subject, payload_of(kind), told)
            # They need no attributes.
            del self.messages[subject]["headers"]
            self.channels[subject]["servers"] = [
                _ref("servers", bus.name) for bus in self.buses if bus.accepts
            ]
            receiving = self._receiving(subject)
            self._add_operation(context, "accepts", subject, receiving)

    def add_heartbeats(self, context: Context) -> None:
        subject = f"{HEARTBEAT}.{context.name}"
        told = f"Where the log of {context.name} ends: `ce-position`. Once a second."
        self._add_channel(context, subject, RELAYS, told)
        self._add_operation(context, "publishes", subject, self._sending())

    def add_logs(self, context: Context) -> None:
        """The log as one channel, on each bus without subjects."""
        for bus in self.buses:
            if bus.subjects:
                continue
            name = f"{bus.name}.{context.name}"
            subjects = list(context.published)
            if bus.batches:
                subjects = [name]
                self.messages[name] = {
                    "name": name,
                    "title": f"Events of {context.name}, in order",
                    "contentType": BATCH_MEDIA_TYPE,
                    "payload": {"type": "array", "items": EVENT},
                }
            self.channels[name] = {
                "address": bus.log_address.replace("{source}", context.name),
                "description": bus.summary,
                "servers": [_ref("servers", bus.name)],
                "messages": {
                    each: _ref("components", "messages", each) for each in subjects
                },
                **_parameters(bus),
                **_bound(dict(bus.channel)),
            }
            self._add_operation(context, "publishes", name, dict(bus.send))

    def add_subscriptions(self, context: Context) -> None:
        for follows in context.follows:
            subjects = published_as(self.contexts, follows.source, follows.pattern)
            receiving = self._receiving(follows.subscription)
            for subject in subjects:
                name = f"{follows.subscription}.follows.{subject}"
                self.operations[name] = _operation(
                    "receive", context, subject, receiving
                )

    def _add_channel(
        self, context: Context, subject: str, payload: Document, told: str
    ) -> None:
        self.messages[subject] = {
            "name": subject,
            "title": subject,
            "summary": str(payload.get("description", told)).partition("\n")[0],
            "contentType": JSON,
            "headers": _ref("components", "schemas", HEADERS),
            "payload": payload,
            "examples": [{"payload": example_of(payload)}],
            "tags": [{"name": context.name}],
            **_bound({k: v for bus in self.buses for k, v in bus.message.items()}),
        }
        self.channels[subject] = {
            "address": subject,
            "description": told,
            "servers": [
                _ref("servers", bus.name) for bus in self.buses if bus.subjects
            ],
            "messages": {subject: _ref("components", "messages", subject)},
            **_bound(self._bindings(lambda bus: bus.channel)),
        }

    def _add_operation(
        self, context: Context, does: str, channel: str, bindings: Document
    ) -> None:
        action = "receive" if does == "accepts" else "send"
        name = f"{context.name}.{does}.{channel}"
        self.operations[name] = _operation(
            action, context, channel, bindings, self.channels[channel]["messages"]
        )

    def _sending(self) -> Document:
        return self._bindings(lambda bus: bus.send)

    def _receiving(self, subscription: str) -> Document:
        return {
            protocol: {
                name: value.replace("{subscription}", subscription)
                for name, value in binding.items()
            }
            for protocol, binding in self._bindings(lambda bus: bus.receive).items()
        }

    def _bindings(self, of: Callable[[DescribedBus], Bindings]) -> Document:
        """Those of all buses with subjects; buses of one protocol share an entry."""
        found: dict[str, dict[str, Any]] = {}
        for bus in self.buses:
            if bus.subjects:
                for protocol, binding in of(bus).items():
                    found.setdefault(protocol, {}).update(binding)
        return found


def _operation(
    action: str,
    context: Context,
    channel: str,
    bindings: Document,
    messages: Iterable[str] = (),
) -> Document:
    return {
        "action": action,
        "channel": _ref("channels", channel),
        "messages": [
            _ref("channels", channel, "messages", each)
            for each in messages or [channel]
        ],
        "tags": [{"name": context.name}],
        "bindings": bindings,
    }


def _bound(bindings: Document) -> Document:
    return {"bindings": bindings} if bindings else {}


def _parameters(bus: DescribedBus) -> Document:
    """Of the address of a channel for a log."""
    if "{log}" not in bus.log_address:
        return {}
    told = "The identity of the log. Redis has it in braces."
    return {"parameters": {"log": {"description": told}}}


def _server(bus: DescribedBus) -> Document:
    return {
        "host": "{host}:{port}",
        "protocol": bus.protocol,
        "description": bus.summary,
        "variables": {
            "host": {"default": "127.0.0.1", "description": f"BUS_URL={bus.scheme}:"},
            "port": {"default": str(bus.port)},
        },
    }


def _ref(*parts: str) -> dict[str, str]:
    return {"$ref": "#/" + "/".join(parts)}


def main(app: str, file: str) -> None:
    composed = importlib.import_module(app)
    document = describe_events(composed.CONTEXTS, composed.SUMMARY)
    Path(file).write_bytes(encoded(document))


if __name__ == "__main__":
    main(*sys.argv[1:])
