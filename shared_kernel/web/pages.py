"""The description for programs (`/openapi.json`) and for people (`/docs`)."""

import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, render_template, request

from shared_kernel.web.openapi import describe
from shared_kernel.web.parameters import read_query
from shared_kernel.web.problems import KINDS, NOT_FOUND, Problem
from shared_kernel.web.reference import Entry, entries
from shared_kernel.web.routes import Api

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
TITLE, VERSION = "Storehouse", "0.1.0"
_STATIC = Path(__file__).parent / "static"
_YEAR_S = 365 * 24 * 3600


class _Pages(Blueprint):
    """Static files may be cached: their URLs change with their content."""

    def get_send_file_max_age(self, _: str | None) -> int:
        return _YEAR_S


def page(template: str, **values: Any) -> Response:
    """An HTML page that loads nothing from other hosts.

    Templates have `base_url`: the service's address as the browser requested it.
    """
    base_url = request.host_url.rstrip("/")
    return Response(
        render_template(template, base_url=base_url, **values),
        headers={
            "Cache-Control": "no-cache",
            "Content-Security-Policy": CONTENT_SECURITY_POLICY,
            "Referrer-Policy": "no-referrer",
        },
        content_type="text/html; charset=utf-8",
    )


def pages(
    apis: Sequence[Api], summary: str, sources: Sequence[str], *, guarded: bool = False
) -> Blueprint:
    """`sources` are the logs whose feeds are served here.

    `guarded`: the process asks for tokens.
    """
    blueprint = _Pages(
        "web",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/static",
    )
    blueprint.add_app_template_global(_digest, "digest")
    blueprint.add_app_template_global(lambda: sources, "sources")
    _add_description(blueprint, apis, summary, guarded)

    @blueprint.get("/problems/<slug>")
    def problem(slug: str) -> Response:
        if slug not in KINDS:
            raise Problem(NOT_FOUND, f"there is no problem named {slug!r}")
        return Response(status=303, headers={"Location": f"/docs#problem-{slug}"})

    return blueprint


def _add_description(
    blueprint: Blueprint, apis: Sequence[Api], summary: str, guarded: bool
) -> None:
    operations = [operation for api in apis for operation in api.operations]
    tags = {api.tag: api.about for api in apis}

    # Made on the first request, to keep the start quick.
    @functools.cache
    def document() -> bytes:
        return describe(
            operations,
            tags,
            title=TITLE,
            version=VERSION,
            description=summary,
            guarded=guarded,
        )

    @functools.cache
    def reference() -> dict[str, list[Entry]]:
        by_tag: dict[str, list[Entry]] = {}
        for entry in entries(operations, json.loads(document())):
            by_tag.setdefault(entry.operation.tag, []).append(entry)
        return by_tag

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        read_query(())
        return Response(document(), content_type="application/json")

    @blueprint.get("/docs")
    def docs() -> Response:
        kinds = sorted(KINDS.values(), key=lambda kind: (kind.status, kind.slug))
        return page("web/docs.html", reference=reference(), tags=tags, kinds=kinds)


@functools.cache
def _digest(filename: str) -> str:
    return hashlib.sha256((_STATIC / filename).read_bytes()).hexdigest()[:12]
