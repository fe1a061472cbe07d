"""The OpenAPI 3.1 document, made from the operations that are served."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import attrs
import msgspec

from shared_kernel.documents.schema import schemas_of
from shared_kernel.doors.scopes import PEER
from shared_kernel.web.client_schemas import for_clients
from shared_kernel.web.doors import INSUFFICIENT_SCOPE, UNAUTHENTICATED
from shared_kernel.web.known_hosts import (
    FOREIGN_ORIGIN,
    READING,
    UNKNOWN_HOST,
)
from shared_kernel.web.parameters import Parameter
from shared_kernel.web.problems import (
    IDEMPOTENCY_KEY_REUSED,
    INVALID_PARAMETER,
    MEDIA_TYPE,
    OUTCOME_UNKNOWN,
    PRECONDITION_FAILED,
    READ_MODEL_BEHIND,
    STALE_VERSION,
    UNAVAILABLE,
    UNEXPECTED_BODY,
    UNKNOWN_POSITION,
    ProblemKind,
)
from shared_kernel.web.routes import Operation, Success

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "type": {"type": "string"},
                    "pointer": {"type": "string"},
                    "parameter": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_TAGS = r'(W/)?"[!#-~]*"'
_IF_MATCH = (
    "If-Match",
    "The `ETag` you saw, or several, or `*`: refuses to change what has changed since.",
    {
        "anyOf": [
            {"type": "string", "enum": ["*"]},
            {"type": "string", "pattern": r'^"[0-9]{1,18}"(, ?"[0-9]{1,18}")*$'},
        ],
        "examples": ["*"],
    },
)
_IF_NONE_MATCH = (
    "If-None-Match",
    "`*`: only if it does not exist. An `ETag` or several: only if it has another one.",
    {
        "anyOf": [
            {"type": "string", "enum": ["*"]},
            {"type": "string", "pattern": f"^{_TAGS}(, ?{_TAGS})*$"},
        ],
        "examples": ['"0"'],
    },
)
_KEY = (
    "Idempotency-Key",
    'Repeated with it, the request is carried out once; `"k1"` and `k1` are one key.',
    {"type": "string", "pattern": r"^[!#-~][!-~]{0,254}$"},
)
_PREFER = (
    "Prefer",
    "`handling=lenient`: read what there is instead of failing when time is up.",
    {"type": "string", "examples": ["handling=lenient"]},
)
_LATER = (
    "Prefer",
    "`respond-async`: answer at once (202), and do it in the background.",
    {"type": "string", "examples": ["respond-async"]},
)
_APPLIED = {"Preference-Applied": "`respond-async`."}

_SERVERS = [{"url": "/", "description": "The process that serves this document."}]
_OPEN = (
    "This process asks for no credentials: only this machine reaches it, or a proxy "
    "decides who does. With `AUTH=tokens` each operation needs a token with its scope. "
    "The keys of a log are for other processes of the same Storehouse alone."
)
_GUARDED = (
    "Each operation needs a token with its scope, see `security`; pages need any valid "
    "token. `flask --app app tokens create` makes one."
)
_TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "description": "A token of `tokens create`. It has the scopes it was made with.",
}
_PEER_TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "description": "The setting `PEER_TOKEN`, the same in all processes of a "
    "Storehouse. If it is unset, requests from the same machine need none.",
}
_NOT_MODIFIED = {"304": {"description": "It is as `If-None-Match` says."}}


def _revalidates(operation: Operation) -> bool:
    read = operation.method in READING and "ETag" in operation.success.headers
    return read and operation.tagged


def _token(sources: Collection[str]) -> tuple[str, str, dict[str, Any]]:
    named = sorted(sources)
    position = f"({'|'.join(named)}):(0|[1-9][0-9]{{0,17}})"
    return (
        "Consistency-Token",
        f"What a write answered, such as `{named[0]}:12`: wait until it is visible.",
        {
            "anyOf": [
                {"type": "string", "enum": [f"{name}:0" for name in named]},
                {"type": "string", "pattern": f"^{position}(, ?{position})*$"},
            ],
            "examples": [f"{named[0]}:0"],
        },
    )


def describe(
    operations: Iterable[Operation],
    tags: Mapping[str, str],
    *,
    title: str,
    version: str,
    description: str,
    guarded: bool = False,
) -> bytes:
    """The document as JSON. `tags` have the descriptions of all tags.

    `guarded`: the process asks for tokens.
    """
    components: dict[str, Any] = {"Problem": _PROBLEM}
    paths: dict[str, dict[str, Any]] = {}
    used: dict[str, None] = {}
    for operation in operations:
        used[operation.tag] = None
        path = paths.setdefault(operation.rule, {})
        described = _operation(operation, components, guarded)
        path[operation.method.lower()] = described
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": version,
            "description": f"{description}\n\n{_GUARDED if guarded else _OPEN}",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": _SERVERS,
        "security": [],
        "tags": [{"name": name, "description": tags[name]} for name in used],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": _TOKEN, "peer_token": _PEER_TOKEN},
            "schemas": components,
        },
    }
    return msgspec.json.encode(document)


def _security(operation: Operation, guarded: bool) -> list[dict[str, list[str]]]:
    """Alternatives, of which an empty one is no credentials."""
    alternatives: list[dict[str, list[str]]] = [
        {"peer_token": []} if scope == PEER else {"token": [scope]}
        for scope in operation.scopes
    ]
    return alternatives if guarded and alternatives else [*alternatives, {}]


def _operation(
    operation: Operation, components: dict[str, Any], guarded: bool
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
        "parameters": _parameters(operation),
        "responses": _responses(operation, components, guarded),
        "security": _security(operation, guarded),
    }
    if operation.body is not None:
        _add(components, operation.body.components)
        described["requestBody"] = {
            "required": operation.body.required,
            "content": {
                media_type: {"schema": schema}
                for media_type, schema in operation.body.content.items()
            },
        }
    return described


def _add(components: dict[str, Any], found: Mapping[str, Any]) -> None:
    """Raises ValueError if two classes have the same name: one would hide the other."""
    for name, schema in for_clients(found).items():
        if components.setdefault(name, schema) != schema:
            raise ValueError(
                f"two classes of bodies are named {name}: rename one, since "
                "/openapi.json describes them by their names"
            )


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    described = [
        {"in": "path", "name": name, "required": True, "schema": schema}
        for name, schema in operation.path_parameters.items()
    ]
    described += [_query(parameter) for parameter in operation.parameters]
    headers = [
        *([_IF_MATCH, _IF_NONE_MATCH] if operation.conditional else []),
        *([_IF_NONE_MATCH] if _revalidates(operation) else []),
        *([_KEY] if operation.idempotent else []),
        *([_token(operation.consistent), _PREFER] if operation.consistent else []),
        *([_LATER] if operation.later else []),
    ]
    described += [
        {"in": "header", "name": name, "description": text, "schema": schema}
        for name, text, schema in headers
    ]
    return described


def _query(parameter: Parameter) -> dict[str, Any]:
    return {
        "in": "query",
        "name": parameter.name,
        "description": parameter.description,
        "required": parameter.required,
        "schema": parameter.described,
    }


def problems_of(operation: Operation) -> list[ProblemKind]:
    """All problems of an operation, its own first."""
    kinds = [
        *operation.problems,
        *(operation.body.problems if operation.body else ()),
        INVALID_PARAMETER,
        UNKNOWN_HOST,
        *(() if operation.method in READING else (FOREIGN_ORIGIN,)),
        *(() if operation.body else (UNEXPECTED_BODY,)),
        *((STALE_VERSION,) if operation.conditional else ()),
        *(
            (PRECONDITION_FAILED,)
            if operation.conditional or operation.method in READING
            else ()
        ),
        *((IDEMPOTENCY_KEY_REUSED, OUTCOME_UNKNOWN) if operation.idempotent else ()),
        *((UNKNOWN_POSITION, READ_MODEL_BEHIND) if operation.consistent else ()),
        UNAVAILABLE,
    ]
    return list(dict.fromkeys(kinds))


def _responses(
    operation: Operation, components: dict[str, Any], guarded: bool
) -> dict[str, Any]:
    answers = [operation.success]
    if (later := operation.later) is not None:
        answers.append(attrs.evolve(later, headers={**later.headers, **_APPLIED}))
    by_status: dict[int, list[ProblemKind]] = {}
    at_the_door = (
        [UNAUTHENTICATED, INSUFFICIENT_SCOPE] if guarded and operation.scopes else []
    )
    for kind in [*problems_of(operation), *at_the_door]:
        by_status.setdefault(kind.status, []).append(kind)
    return (
        {str(each.status): _answer(each, components) for each in answers}
        | (_NOT_MODIFIED if _revalidates(operation) else {})
        | {str(status): _problems(kinds) for status, kinds in sorted(by_status.items())}
    )


def _answer(success: Success, components: dict[str, Any]) -> dict[str, Any]:
    schema = success.schema
    if success.kind is not None:
        (schema,), found = schemas_of([success.kind])
        _add(components, found)
    answer: dict[str, Any] = {"description": success.description}
    if schema is not None:
        answer["content"] = {success.media_type: {"schema": schema}} | {
            other: {"schema": {"type": "string"}} for other in success.also
        }
    if success.headers:
        answer["headers"] = {
            name: {"description": text, "schema": {"type": "string"}}
            for name, text in success.headers.items()
        }
    return answer


def _problems(kinds: Sequence[ProblemKind]) -> Mapping[str, Any]:
    return {
        "description": "; ".join(f"{kind.title} (`{kind.type}`)" for kind in kinds),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
