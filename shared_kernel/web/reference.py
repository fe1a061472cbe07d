"""The OpenAPI document as a reference for people."""

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from shared_kernel.web.openapi import problems_of
from shared_kernel.web.problems import ProblemKind
from shared_kernel.web.routes import Operation

MOST_CHOICES = 8

Schema = Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Field:
    """A parameter, or a member of a body by its path. Code is in backticks.

    `place` is that of a parameter: path, query or header.
    """

    name: str
    type: str
    bounds: Sequence[str]
    required: bool
    place: str = ""
    description: str = ""


@attrs.frozen(kw_only=True)
class Entry:
    """One operation. `also` are older paths to the same."""

    operation: Operation
    also: Sequence[str]
    parameters: Sequence[Field]
    body: Sequence[Field]
    answer: Sequence[Field]
    answers_list: bool
    problems: Mapping[int, Sequence[ProblemKind]]
    example_path: str
    example_body: object

    def example(self, base_url: str) -> str:
        """A `curl` command that the service at `base_url` accepts unchanged."""
        method = self.operation.method
        has_body = self.example_body is not None
        verb = "" if method == ("POST" if has_body else "GET") else f"-X {method} "
        lines = [f"curl {verb}{shlex.quote(base_url + self.example_path)}"]
        if self.operation.body is not None:
            media_type = next(iter(self.operation.body.content))
            lines.append(f"-H 'Content-Type: {media_type}'")
            if isinstance(self.example_body, str):
                lines.append(f"--data-binary {shlex.quote(self.example_body)}")
            else:
                lines.append(f"-d {shlex.quote(json.dumps(self.example_body))}")
        return " \\\n  ".join(lines)


def entries(operations: Iterable[Operation], document: Schema) -> Iterator[Entry]:
    """The entries of `operations`, which `document` describes, in their order."""
    schemas = Schemas(document["components"]["schemas"])
    first: dict[tuple[str, str, str], list[Operation]] = {}
    for operation in operations:
        same = (operation.tag, operation.method, operation.summary)
        first.setdefault(same, []).append(operation)
    for operation, *others in first.values():
        described = document["paths"][operation.rule][operation.method.lower()]
        yield _entry(operation, others, described, schemas)


def _entry(
    operation: Operation,
    others: Iterable[Operation],
    described: Schema,
    schemas: "Schemas",
) -> Entry:
    parameters = described["parameters"]
    body = _content(described.get("requestBody", {}))
    answer = _content(described["responses"][str(operation.success.status)])
    answers_list = answer.get("type") == "array"
    problems: dict[int, list[ProblemKind]] = {}
    for kind in sorted(problems_of(operation), key=lambda kind: kind.status):
        problems.setdefault(kind.status, []).append(kind)
    return Entry(
        operation=operation,
        also=[other.rule for other in others],
        parameters=[schemas.parameter(each) for each in parameters],
        body=list(schemas.members(body)),
        answer=list(schemas.members(answer["items"] if answers_list else answer)),
        answers_list=answers_list,
        problems=problems,
        example_path=_example_path(operation.rule, parameters, schemas),
        example_body=schemas.example(body) if body else None,
    )


def _content(described: Schema) -> Schema:
    """The schema of the only media type."""
    for media in described.get("content", {}).values():
        schema: Schema = media["schema"]
        return schema
    return {}


def _example_path(rule: str, parameters: Sequence[Schema], schemas: "Schemas") -> str:
    asked = []
    for parameter in parameters:
        name, example = parameter["name"], schemas.example(parameter["schema"])
        if parameter["in"] == "path":
            rule = rule.replace(f"{{{name}}}", str(example))
        elif parameter["in"] == "query" and parameter["required"]:
            examples = example if isinstance(example, list) else [example]
            asked += [f"{name}={each}" for each in examples]
    return rule + ("?" + "&".join(asked) if asked else "")


@attrs.frozen
class Schemas:
    """Reads schemas, which may refer to `components`."""

    components: Mapping[str, Schema]

    def parameter(self, described: Schema) -> Field:
        return Field(
            name=described["name"],
            type=self._type(described["schema"]),
            bounds=list(_bounds(described["schema"])),
            required=described.get("required", False),
            place=described["in"],
            description=described.get("description", ""),
        )

    def members(self, schema: Schema, prefix: str = "") -> Iterator[Field]:
        """Each member of an object, followed by its own."""
        schema = self._meant(schema)
        for name, member in schema.get("properties", {}).items():
            meant = self._meant(member)
            yield Field(
                name=prefix + name,
                type=self._type(member),
                bounds=list(_bounds({**meant, **member})),
                required=name in schema.get("required", ()),
                description=member.get("description", meant.get("description", "")),
            )
            if "items" in meant:
                yield from self.members(meant["items"], f"{prefix}{name}[].")
            else:
                yield from self.members(meant, f"{prefix}{name}.")

    def example(self, schema: Schema) -> Any:
        """A value that `schema` accepts: its first example or enum value.

        A text or number without either must have an example.
        """
        schema = self._meant(schema)
        if "properties" in schema:
            members = schema["properties"].items()
            examples = {name: self.example(member) for name, member in members}
            required = schema.get("required", ())
            return {n: e for n, e in examples.items() if e is not None or n in required}
        return next(iter(schema.get("examples") or schema.get("enum", ())), None)

    def _meant(self, schema: Schema) -> Schema:
        """The target of a reference, or the non-null branch of a nullable schema."""
        for branch in schema.get("anyOf", ()):
            if branch.get("type") != "null":
                return self._meant(branch)
        if "$ref" in schema:
            return self.components[schema["$ref"].rpartition("/")[2]]
        return schema

    def _type(self, schema: Schema) -> str:
        meant = self._meant(schema)
        types = meant.get("type", "string")
        types = [types] if isinstance(types, str) else list(types)
        if any(branch.get("type") == "null" for branch in schema.get("anyOf", ())):
            types.append("null")
        return " or ".join(types)


def _bounds(schema: Schema) -> Iterator[str]:
    if "x-unit" in schema:
        yield str(schema["x-unit"])
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None:
        yield f"{least:,} to {most:,}" if most is not None else f"at least {least:,}"
    if "maxLength" in schema:
        yield f"{schema.get('minLength', 0):,} to {schema['maxLength']:,} characters"
    # Patterns that only exclude control characters are unreadable.
    if r"\x" not in schema.get("pattern", r"\x"):
        yield f"matches `{schema['pattern']}`"
    if "enum" in schema:
        choices = [f"`{choice}`" for choice in schema["enum"]]
        more = len(choices) - MOST_CHOICES
        some = ", ".join(choices[:MOST_CHOICES])
        yield f"one of {some}" + (f" and {more} more" if more > 0 else "")
    if "const" in schema:
        yield f"always `{schema['const']}`"
    if "format" in schema:
        yield f"a `{schema['format']}`"
    if schema.get("default") is not None:
        yield f"{schema['default']} if not given"
