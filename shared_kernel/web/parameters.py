"""Query parameters and headers: declared, read and validated."""

import functools
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import attrs
from flask import request

from shared_kernel.domain.errors import DomainError, InvalidValue
from shared_kernel.domain.sku import Sku
from shared_kernel.web.problems import (
    INVALID_PARAMETER,
    STALE_VERSION,
    Problem,
)

_ENTITY_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')
_TOKEN = re.compile(r"([a-z]+):(0|[1-9]\d{0,17})\Z")
_WHOLE = re.compile(r"-?\d{1,19}\Z", re.ASCII)
_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")
_LONGEST_KEPT = 200


@attrs.frozen(kw_only=True, eq=False)
class Parameter:
    """A query parameter. `schema` has a `type` of integer or string, and its bounds."""

    name: str
    description: str
    schema: Mapping[str, Any]
    required: bool = False

    def read(self, text: str) -> Any:
        """Raises ValueError, which says what is expected."""
        schema = self.schema
        if schema["type"] == "integer":
            least, most = schema["minimum"], schema["maximum"]
            if _WHOLE.match(text) and least <= int(text) <= most:
                return int(text)
            raise ValueError(f"a whole number from {least} to {most}")
        if "enum" in schema and text not in schema["enum"]:
            raise ValueError("one of " + ", ".join(schema["enum"]))
        least, most = schema.get("minLength", 0), schema.get("maxLength", 1000)
        if not least <= len(text) <= most:
            raise ValueError(f"{least} to {most} characters")
        return text


def integer(
    name: str, description: str, least: int, most: int, default: int | None = None
) -> Parameter:
    schema: dict[str, Any] = {"type": "integer", "minimum": least, "maximum": most}
    if default is not None:
        schema["default"] = default
    return Parameter(name=name, description=description, schema=schema)


def read_query(parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    """All values by name, with defaults. Raises Problem, which lists all faults."""
    query = request.query_string
    if len(query) > _LONGEST_KEPT:
        return _read(parameters, query)
    return dict(_read_once(parameters, query))


def _read(parameters: Sequence[Parameter], query: bytes) -> dict[str, Any]:
    pairs = parse_qsl(query.decode(errors="replace"), keep_blank_values=True)
    texts: dict[str, list[str]] = {}
    for name, text in pairs:
        texts.setdefault(name, []).append(text)
    known = {parameter.name: parameter for parameter in parameters}
    values = {
        parameter.name: parameter.schema.get("default") for parameter in parameters
    }
    errors = [
        _error(parameter.name, "is required")
        for parameter in parameters
        if parameter.required and parameter.name not in texts
    ]
    for name, given in texts.items():
        parameter = known.get(name)
        if parameter is None:
            accepted = ", ".join(known) or "none"
            errors.append(_error(name, f"no such parameter; accepted: {accepted}"))
        elif len(given) > 1:
            errors.append(_error(name, "is given more than once"))
        else:
            try:
                values[name] = parameter.read(given[0])
            except ValueError as error:
                errors.append(_error(name, f"expected {error}"))
    if errors:
        raise _invalid(errors)
    return values


# Clients repeat the same queries, above all for pages of a list.
_read_once = functools.lru_cache(maxsize=256)(_read)


def expected_version() -> int | None:
    """The version that `If-Match` asks for (RFC 9110, §13.1.1); None asks nothing.

    Raises Problem, also for a tag that matches no version at all, and for several tags:
    a client that decided on one state has one tag.
    """
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    tags = [part.strip() for part in header.split(",")]
    found = [_ENTITY_TAG.fullmatch(tag) for tag in tags]
    if not all(found):
        raise _invalid([_error("If-Match", 'expected an entity tag such as "3"')])
    # A weak tag never matches: If-Match uses strong comparison, against lost updates.
    strong = {tag[2] for tag in found if tag and not tag[1]}
    versions = [int(tag) for tag in strong if _is_version(tag)]
    if not versions:
        raise Problem(STALE_VERSION, f"If-Match: no version has the tag {header}")
    if len(versions) > 1:
        raise _invalid([_error("If-Match", 'expected one entity tag such as "3"')])
    return versions[0]


def sku_in_path(text: str, unknown: Callable[..., DomainError]) -> Sku:
    """Text that is not a valid SKU is that of nothing. Raises `unknown`."""
    try:
        return Sku(text)
    except InvalidValue:
        raise unknown(sku=text) from None


def consistency_token(sources: Collection[str]) -> dict[str, int]:
    """Positions by source, from `Consistency-Token`; empty if there is none."""
    header = request.headers.get("Consistency-Token")
    if header is None:
        return {}
    token: dict[str, int] = {}
    for part in header.split(","):
        match = _TOKEN.match(part.strip())
        if not match or match[1] not in sources:
            example = min(sources, default="source")
            expected = f"expected what a write answered, such as {example}:12"
            raise _invalid([_error("Consistency-Token", expected)])
        token[match[1]] = max(token.get(match[1], 0), int(match[2]))
    return token


def prefers(wanted: str) -> bool:
    """`Prefer` has it, such as `handling=lenient` or `respond-async` (RFC 7240)."""
    preferences = ",".join(request.headers.getlist("Prefer")).lower().split(",")
    return any(
        preference.partition(";")[0].replace(" ", "").replace('"', "") == wanted
        for preference in preferences
    )


def idempotency_key() -> str | None:
    key: str | None = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is not None and not _KEY.match(key):
        expected = "expected 1 to 255 visible ASCII characters"
        raise _invalid([_error("Idempotency-Key", expected)])
    return key


def invalid_parameter(error: InvalidValue) -> Problem:
    """A refusal by the domain of a value in the path."""
    return _invalid([_error(error.field, f"expected {error.expected}")])


def _is_version(tag: str) -> bool:
    return tag.isdecimal() and len(tag) < 19


def _error(name: str, detail: str) -> dict[str, str]:
    return {"parameter": name, "detail": detail}


def _invalid(errors: list[dict[str, str]]) -> Problem:
    first = errors[0]
    return Problem(
        INVALID_PARAMETER, f"{first['parameter']}: {first['detail']}", errors
    )
