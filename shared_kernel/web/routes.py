"""Routes that describe themselves: Flask and OpenAPI use the same declarations.

A parameter of a path is one segment, except foreign names: they may have slashes. The
server decodes paths before the application sees them, so `AB%2F12` and `AB/12` are the
same. A word that follows a name in a route of the context ends the name, so new names
with such a word are refused (`foreign_names.RouteWords`).
"""

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import attrs
from flask import Blueprint, Flask, Response, request
from flask.blueprints import BlueprintSetupState
from werkzeug.routing import BaseConverter, Map

from shared_kernel.domain.errors import (
    DomainError,
    InvalidValue,
    PreconditionFailed,
    StaleVersion,
)
from shared_kernel.domain.foreign_names import PATTERN, RouteWords
from shared_kernel.doors.scopes import ALL, PEER, READ, WRITE
from shared_kernel.web.bodies import MAX_BODY_BYTES, Body, invalid_value
from shared_kernel.web.known_hosts import READING
from shared_kernel.web.missing_bodies import problem_of
from shared_kernel.web.parameters import Parameter, invalid_parameter
from shared_kernel.web.problems import (
    INVALID_VALUE,
    PRECONDITION_FAILED,
    STALE_VERSION,
    ProblemKind,
    answer_errors_with_problems,
    refusal_response,
)
from shared_kernel.web.strictness import Strictness
from shared_kernel.web.unreceived import BODY_IS_MISSING, Missing
from shared_kernel.web.uploads import Upload
from shared_kernel.web.url_rules import LazyRule

_CONVERTER = "foreign"
_NUMBERED = "numbered"
_PARAMETER = re.compile(r"<(?:[^<>]+:)?(\w+)>")

View = TypeVar("View", bound=Callable[..., Response])


@attrs.frozen(kw_only=True)
class Success:
    """The response of an operation that succeeds.

    `kind` is the attrs class of the JSON body, or else `schema` describes it; `headers`
    are descriptions by name. `also` are media types of text that a client may prefer.
    """

    status: int = 200
    description: str
    kind: Any = None
    schema: Mapping[str, Any] | None = None
    media_type: str = "application/json"
    also: Sequence[str] = ()
    headers: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Operation:
    """One method on one path.

    `conditional` accepts `If-Match` and `If-None-Match`; `tagged` tells that the ETag
    of what is read changes with all of it. `idempotent` accepts an `Idempotency-Key`,
    `later` is the answer before it is done, to who prefers that (202), and `consistent`
    lists the sources accepted in a `Consistency-Token`. It needs one of `scopes`; with
    none it is for all. `problems` are those that these options do not imply.
    """

    name: str
    tag: str
    method: str
    rule: str
    summary: str
    success: Success
    scopes: Sequence[str]
    description: str = ""
    path_parameters: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)
    parameters: Sequence[Parameter] = ()
    body: Body[Any] | Upload | None = None
    conditional: bool = False
    tagged: bool = True
    idempotent: bool = False
    later: Success | None = None
    consistent: Collection[str] = ()
    problems: Sequence[ProblemKind] = ()

    @property
    def for_peers(self) -> bool:
        """Whether it is only for other processes of this Storehouse."""
        return tuple(self.scopes) == (PEER,)


class Api:
    """The routes of a service. `refusals` maps the domain's refusals to problems.

    In the OpenAPI document their tag is `tag`, by default `name`; `about` describes it.
    The docstring of a view describes its operation. The scope of its routes is `scope`,
    by default `read` or `write` of the tag.
    """

    def __init__(
        self,
        name: str,
        path_parameters: Mapping[str, Mapping[str, Any]],
        refusals: Mapping[type[DomainError], ProblemKind],
        tag: str | None = None,
        about: str = "",
        scope: str | None = None,
    ) -> None:
        self.blueprint = Blueprint(name, __name__)
        self.tag = tag or name
        self._scope = scope
        self.about = about
        self._words = RouteWords()
        self.operations: list[Operation] = []
        self._path_parameters = path_parameters
        self._refusals = {
            StaleVersion: STALE_VERSION,
            PreconditionFailed: PRECONDITION_FAILED,
            InvalidValue: INVALID_VALUE,
            **refusals,
        }
        self.blueprint.register_error_handler(DomainError, self._refuse)

    def route(
        self,
        method: str,
        *rules: str,
        summary: str,
        success: Success,
        scope: str | None = None,
        peers: bool = False,
        **more: Any,
    ) -> Callable[[View], View]:
        """Serve `rules`; the first one is current, the others are older paths.

        `scope` is for this route alone; `ALL` is for all. With `peers` it is also for
        other processes of this Storehouse.
        """
        scope = scope or self._scope or self._of_method(method)
        scopes = () if scope == ALL else (scope, PEER) if peers else (scope,)

        def register(view: View) -> View:
            served_view = Strictness(
                method=method,
                takes_body=more.get("body") is not None,
                conditional=more.get("conditional", False),
                tagged=more.get("tagged", True),
            ).applied_to(view)
            for place, rule in enumerate(rules):
                name = view.__name__ + (f"_{place}" if place else "")
                self._words |= self._words_of(rule)
                self.blueprint.record(
                    partial(self._serve, rule, name, served_view, method)
                )
                path = path_of(rule)
                self.operations.append(
                    Operation(
                        name=name,
                        tag=self.tag,
                        method=method,
                        rule=path,
                        summary=summary,
                        success=success,
                        scopes=scopes,
                        description=inspect.getdoc(view) or "",
                        path_parameters={
                            name: schema
                            for name, schema in self._path_parameters.items()
                            if f"{{{name}}}" in path
                        },
                        **more,
                    )
                )
            return view

        return register

    def declared_with(self, words: RouteWords) -> "Api":
        """The same, in a context that declares `words`.

        Raises LookupError if a route has a word that is not among them.
        """
        undeclared = self._words.after_names - words.after_names
        if undeclared:
            raise LookupError(
                f"{self.blueprint.name} has a route with {sorted(undeclared)} after a "
                "name: declare it in the context's route_words"
            )
        self._words |= words
        return self

    @property
    def scopes(self) -> Mapping[str, Sequence[str]]:
        """By Flask's endpoint."""
        return {
            f"{self.blueprint.name}.{each.name}": each.scopes
            for each in self.operations
        }

    def _of_method(self, method: str) -> str:
        return f"{self.tag}:{READ if method in READING else WRITE}"

    def _serve(
        self,
        rule: str,
        name: str,
        view: Callable[..., Response],
        method: str,
        state: BlueprintSetupState,
    ) -> None:
        for served in {rule: None, self._with_slashes(rule): None}:
            state.add_url_rule(served, name, view, methods=[method])

    def _with_slashes(self, rule: str) -> str:
        """The rule for foreign names that have slashes: it takes longer to match."""
        words = ",".join(f"'{word}'" for word in sorted(self._words.after_names))
        for name in self._foreign():
            rule = rule.replace(f"<{name}>", f"<{_CONVERTER}({words}):{name}>")
        return rule

    def _words_of(self, rule: str) -> RouteWords:
        """The words of `rule` that stand behind a foreign name."""
        parts = rule.split("/")
        at = [
            parts.index(f"<{name}>") for name in self._foreign() if f"<{name}>" in parts
        ]
        behind = parts[min(at) + 1 :] if at else []
        return RouteWords(word for word in behind if not word.startswith("<"))

    def _foreign(self) -> list[str]:
        return [
            name
            for name, schema in self._path_parameters.items()
            if schema.get("pattern") == PATTERN
        ]

    def _refuse(self, error: DomainError) -> Response:
        if isinstance(error, InvalidValue):
            if error.field in (request.view_args or ()):
                return invalid_parameter(error).response()
            return invalid_value(error).response()
        return refusal_response(error, self._refusals)


class _ForeignName(BaseConverter):
    """A foreign name in a path; one of the `words` after a slash ends it."""

    part_isolating = False

    def __init__(self, url_map: Map, *words: str) -> None:
        super().__init__(url_map)
        ends = "|".join(map(re.escape, words))
        unless = rf"(?!(?:{ends})(?:/|$))" if words else ""
        self.regex = rf"[^/]+(?:/{unless}[^/]+)*"

    def to_url(self, value: str) -> str:
        return in_path(value)


class _Numbered(BaseConverter):
    """A name and a number with a colon between: no other word of a route is one."""

    regex = "[^/:]+:[^/]+"


def path_of(rule: str) -> str:
    """A rule as OpenAPI writes its path: `/products/{sku}`."""
    return _PARAMETER.sub(r"{\1}", rule)


def in_path(name: str) -> str:
    """A foreign name as one segment of a path, percent-encoded."""
    return quote(name, safe="")


def set_up_web(app: Flask) -> None:
    """Set up what all responses have in common. Call it before routes are added."""
    app.url_rule_class = LazyRule
    app.url_map.converters[_CONVERTER] = _ForeignName
    app.url_map.converters[_NUMBERED] = _Numbered
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    answer_errors_with_problems(app)
    app.wsgi_app = _Nosniff(  # type: ignore[method-assign]
        _RefuseMissingBodies(app.wsgi_app)
    )


@attrs.frozen
class _Nosniff:
    """Adds a header to every response, in WSGI, where that costs least."""

    app: WSGIApplication

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        def start(
            status: str, headers: list[tuple[str, str]], *error: Any
        ) -> Callable[[bytes], object]:
            headers.append(("X-Content-Type-Options", "nosniff"))
            return start_response(status, headers, *error)

        return self.app(environ, start)


@attrs.frozen
class _RefuseMissingBodies:
    """Answers a request whose body was not received at once, on every route."""

    app: WSGIApplication

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        missing: Missing | None = environ.get(BODY_IS_MISSING)
        if missing is None:
            return self.app(environ, start_response)
        return problem_of(missing).response()(environ, start_response)
