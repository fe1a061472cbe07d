"""A toy API on the web kernel: no context, and a database only for keys."""

from typing import Annotated, Any

import attrs
import msgspec
from flask import Flask, Response

from shared_kernel.domain.errors import DomainError, InvalidValue, StaleVersion
from shared_kernel.domain.expectation import Expectation
from shared_kernel.web.bodies import Body
from shared_kernel.web.parameters import (
    consistency_token,
    integer,
    prefers,
    read_query,
)
from shared_kernel.web.preconditions import expected_version
from shared_kernel.web.problems import UNKNOWN_SKU
from shared_kernel.web.routes import Api, Success, set_up_web

Pieces = Annotated[int, msgspec.Meta(ge=1, le=100)]
Name = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=20, pattern=r"^\w+$", description="1 to 20 letters"
    ),
]


@attrs.frozen(kw_only=True)
class Size:
    width: Pieces
    unit: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["mm", "in"]})]


@attrs.frozen(kw_only=True)
class Toy:
    name: Name
    pieces: Pieces
    note: Annotated[str, msgspec.Meta(max_length=5)] | None = None
    size: Size | None = None


@attrs.frozen(kw_only=True)
class UnknownToy(DomainError):
    sku: str

    def __str__(self) -> str:
        return f"there is no toy {self.sku}"


PAGE = (integer("limit", "How many.", 1, 10, default=5),)
RAISED: dict[str, Exception] = {
    "unknown": UnknownToy(sku="X"),
    "stale": StaleVersion(key="X", seen=1, current=2),
    "invalid": InvalidValue(field="size.width", value=0, expected="a width"),
    "path": InvalidValue(field="what", value="path", expected="a better one"),
    "bug": RuntimeError("a secret"),
    "disk": OSError("disk full"),
}


def a_toy_app() -> Flask:
    app = Flask("toys")
    set_up_web(app)
    app.register_blueprint(an_api().blueprint)
    return app


def an_api() -> Api:
    what = {"what": {"type": "string", "examples": ["unknown"]}}
    api = Api("toys", what, {UnknownToy: UNKNOWN_SKU})
    body = Body(Toy)
    done = Success(description="Done.", kind=Toy)

    @api.route("POST", "/toys", summary="Make a toy", body=body, success=done)
    def make() -> Response:
        return _json(body.read())

    @api.route("GET", "/toys", summary="List", parameters=PAGE, success=done)
    def toys() -> Response:
        return _json(read_query(PAGE))

    @api.route("GET", "/headers", summary="Tell", conditional=True, success=done)
    def headers() -> Response:
        return _json(
            {
                "expected": _shown(expected_version()),
                "token": consistency_token({"catalog", "inventory"}),
                "lenient": prefers("handling=lenient"),
            }
        )

    @api.route("GET", "/versions", summary="Tell", success=done)
    def versions() -> Response:
        response = _json(3)
        response.headers["ETag"] = '"3"'
        return response

    @api.route("POST", "/nothing", summary="Do nothing", success=done)
    def nothing() -> Response:
        return _json(None)

    @api.route("GET", "/raised/<what>", summary="Raise", success=done)
    def raised(what: str) -> Response:
        raise RAISED[what]

    return api


def _shown(expected: int | Expectation | None) -> dict[str, Any] | None:
    if not isinstance(expected, Expectation):
        return None
    return {
        "versions": expected.versions and sorted(expected.versions),
        "others": sorted(expected.others),
        "exists": expected.exists,
    }


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), content_type="application/json")
