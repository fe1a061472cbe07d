"""Query parameters and headers: declared, read and validated."""

import functools
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

import attrs
from flask import request

from shared_kernel.domain.errors import DomainError, InvalidValue
from shared_kernel.domain.sku import Sku
from shared_kernel.web.problems import (
    INVALID_PARAMETER,
    Problem,
)

_BOOLEANS = {"true": True, "false": False}
_TOKEN = re.compile(r"([a-z]+):(0|[1-9]\d{0,17})\Z")
_WHOLE = re.compile(r"-?\d{1,19}\Z", re.ASCII)
_KEY = re.compile(r"[\x21\x23-\x7e][\x21-\x7e]{0,254}\Z")
_QUOTED_KEY = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"\Z')
_ESCAPED = re.compile(r"\\(.)")
LONGEST_KEY = 255
_LONGEST_KEPT = 200


@attrs.frozen(kw_only=True, eq=False)
class Parameter:
    """A query parameter. Its `schema` is of type integer, string or boolean.

    An integer has bounds.

    It may be given `most` times; if that is more than once, its value is a list.
    `words` are names of some of its integers.
    """

    name: str
    description: str
    schema: Mapping[str, Any]
    required: bool = False
    most: int = 1
    words: Mapping[str, int] = attrs.field(factory=dict)

    @property
    def described(self) -> Mapping[str, Any]:
        """The schema of its value."""
        if self.words:
            words = f"^({'|'.join(self.words)})$"
            types = [self.schema["type"], "string"]
            return {**self.schema, "type": types, "pattern": words}
        if self.most == 1:
            return self.schema
        examples = [[example] for example in self.schema.get("examples", ())]
        many = {"type": "array", "items": self.schema, "maxItems": self.most}
        return many | ({"examples": examples} if examples else {})

    def read_all(self, texts: Sequence[str]) -> Any:
        """Raises ValueError, which says what is wrong."""
        if len(texts) > self.most:
            times = "once" if self.most == 1 else f"{self.most} times"
            raise ValueError(f"is given more than {times}")
        try:
            values = [self.read(text) for text in texts]
        except ValueError as error:
            raise ValueError(f"expected {error}") from None
        return values if self.most > 1 else values[0]

    def read(self, text: str) -> Any:
        """Raises ValueError, which says what is expected."""
        if text in self.words:
            return self.words[text]
        schema = self.schema
        if schema["type"] == "integer":
            least, most = schema["minimum"], schema["maximum"]
            if _WHOLE.match(text) and least <= int(text) <= most:
                return int(text)
            words = "".join(f", or {word}" for word in self.words)
            raise ValueError(f"a whole number from {least} to {most}{words}")
        if schema["type"] == "boolean":
            if text in _BOOLEANS:
                return _BOOLEANS[text]
            raise ValueError("true or false")
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
        fault_of(parameter.name, "is required")
        for parameter in parameters
        if parameter.required and parameter.name not in texts
    ]
    for name, given in texts.items():
        parameter = known.get(name)
        if parameter is None:
            accepted = ", ".join(known) or "none"
            errors.append(fault_of(name, f"no such parameter; accepted: {accepted}"))
        else:
            try:
                values[name] = parameter.read_all(given)
            except ValueError as error:
                errors.append(fault_of(name, str(error)))
    if errors:
        raise invalid(errors)
    return values


# Clients repeat the same queries, above all for pages of a list.
_read_once = functools.lru_cache(maxsize=256)(_read)


def skus_named(texts: Sequence[str]) -> dict[str, Sku]:
    """By their text; what is not a valid SKU is that of nothing, and left out."""
    named = {}
    for text in texts:
        with suppress(InvalidValue):
            named[text] = Sku(text)
    return named


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
            raise invalid([fault_of("Consistency-Token", expected)])
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
    """`"k1"`, a string of structured fields (RFC 8941, §3.3.3), and `k1` are one key.

    The first form is that of draft-ietf-httpapi-idempotency-key-header. Raises Problem.
    """
    given: str | None = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    if given is None:
        return None
    if _KEY.match(given):
        return given
    quoted = _QUOTED_KEY.match(given.strip(" "))
    key = _ESCAPED.sub(r"\1", quoted[1]) if quoted else ""
    if not 1 <= len(key) <= LONGEST_KEY:
        expected = f"expected 1 to {LONGEST_KEY} visible ASCII characters, or a string"
        raise invalid([fault_of("Idempotency-Key", f'{expected} such as "k1"')])
    return key


def invalid_parameter(error: InvalidValue) -> Problem:
    """A refusal by the domain of a value in the path."""
    return invalid([fault_of(error.field, f"expected {error.expected}")])


def fault_of(name: str, detail: str) -> dict[str, str]:
    return {"parameter": name, "detail": detail}


def invalid(errors: list[dict[str, str]]) -> Problem:
    first = errors[0]
    return Problem(
        INVALID_PARAMETER, f"{first['parameter']}: {first['detail']}", errors
    )
