"""Routes that describe themselves: what Flask serves is what OpenAPI tells."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import attrs
from flask import Blueprint, Flask, Response, request

from shared_kernel.domain.errors import DomainError, InvalidValue, StaleVersion
from shared_kernel.web.bodies import MAX_BODY_BYTES, Body
from shared_kernel.web.body_faults import invalid_value
from shared_kernel.web.parameters import Parameter, invalid_parameter
from shared_kernel.web.problems import (
    INVALID_VALUE,
    REQUEST_TIMEOUT,
    STALE_VERSION,
    Problem,
    ProblemKind,
    answer_errors_with_problems,
    refusal_response,
)

BODY_IS_LATE = "storehouse.body_is_late"
"""In the environment of a request whose body did not come in time. The application
answers at once: the thread that calls it looks after the other bodies, too."""

View = TypeVar("View", bound=Callable[..., Response])


@attrs.frozen(kw_only=True)
class Success:
    """What an operation answers when all goes well.

    `kind` is the attrs class of the JSON body, or `schema` says it; `headers` are
    described by name.
    """

    status: int = 200
    description: str
    kind: Any = None
    schema: Mapping[str, Any] | None = None
    media_type: str = "application/json"
    headers: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Operation:
    """One method on one path.

    `conditional` understands `If-Match`, `idempotent` an `Idempotency-Key`, and
    `consistent` are the sources of which it understands a `Consistency-Token`.
    `problems` are those that these do not imply.
    """

    name: str
    tag: str
    method: str
    rule: str
    summary: str
    success: Success
    description: str = ""
    path_parameters: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)
    parameters: Sequence[Parameter] = ()
    body: Body[Any] | None = None
    conditional: bool = False
    idempotent: bool = False
    consistent: Collection[str] = ()
    problems: Sequence[ProblemKind] = ()


class Api:
    """The routes of a service. `refusals` tells how each of the domain's is shown.

    In the description they stand under `tag`, which is `name` unless said otherwise.
    """

    def __init__(
        self,
        name: str,
        path_parameters: Mapping[str, Mapping[str, Any]],
        refusals: Mapping[type[DomainError], ProblemKind],
        tag: str | None = None,
    ) -> None:
        self.blueprint = Blueprint(name, __name__)
        self._tag = tag or name
        self.operations: list[Operation] = []
        self._path_parameters = path_parameters
        self._refusals = {
            StaleVersion: STALE_VERSION,
            InvalidValue: INVALID_VALUE,
            **refusals,
        }
        self.blueprint.register_error_handler(DomainError, self._refuse)

    def route(
        self, method: str, *rules: str, summary: str, success: Success, **more: Any
    ) -> Callable[[View], View]:
        """Serve `rules`, the first of which is the one to use from now on."""

        def register(view: View) -> View:
            for place, rule in enumerate(rules):
                name = view.__name__ + (f"_{place}" if place else "")
                self.blueprint.add_url_rule(rule, name, view, methods=[method])
                path = rule.replace("<", "{").replace(">", "}")
                self.operations.append(
                    Operation(
                        name=name,
                        tag=self._tag,
                        method=method,
                        rule=path,
                        summary=summary,
                        success=success,
                        description=(view.__doc__ or "").strip(),
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

    def _refuse(self, error: DomainError) -> Response:
        if isinstance(error, InvalidValue):
            if error.field in (request.view_args or ()):
                return invalid_parameter(error).response()
            return invalid_value(error).response()
        return refusal_response(error, self._refusals)


def set_up_web(app: Flask) -> None:
    """What holds for every answer."""
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    answer_errors_with_problems(app)
    app.wsgi_app = _Nosniff(  # type: ignore[method-assign]
        _RefuseLateBodies(app.wsgi_app)
    )


@attrs.frozen
class _Nosniff:
    """Adds a header to every answer, where that costs least."""

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
class _RefuseLateBodies:
    """Says so on every route, and waits for nothing, as the server asks."""

    app: WSGIApplication

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        if BODY_IS_LATE not in environ:
            return self.app(environ, start_response)
        late = Problem(
            REQUEST_TIMEOUT,
            "the body was waited for as long as BODY_TIMEOUT_S allows",
            headers={"Connection": "close"},
        )
        return late.response()(environ, start_response)
