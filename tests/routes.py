"""The service that serves a request, and the sources of its Consistency-Token."""

import functools
import re
import threading
from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import attrs

from app import CONTEXTS, Settings, assemble
from shared_kernel.runtime.context import owner_of
from tests.databases import in_folder

EVENTS = "/events/"
SOURCES = tuple(
    context.name
    for context in CONTEXTS
    if any(service.has_log for service in context.services)
)
"""The sources of all event logs."""

_finding = threading.Lock()


@attrs.frozen
class Route:
    method: str
    path: re.Pattern[str]
    service: str
    consistent: Collection[str]


def service_for(method: str, path: str) -> str:
    """The service that serves such a request; every service serves operations."""
    if path.startswith(EVENTS):
        return owner_of(CONTEXTS, _source_of(path)).name
    route = _route_for(method, path)
    return route.service if route else _service_with_pages()


def sources_of(method: str, path: str) -> Collection[str]:
    """The sources whose positions a Consistency-Token may have in such a request."""
    if path.startswith(EVENTS):
        source = _source_of(path)
        return {source, *(f.source for f in owner_of(CONTEXTS, source).follows)}
    route = _route_for(method, path)
    return route.consistent if route else ()


def _source_of(path: str) -> str:
    return urlsplit(path).path.removeprefix(EVENTS).partition("/")[0]


def _route_for(method: str, path: str) -> Route | None:
    wanted, plain = "GET" if method == "HEAD" else method, urlsplit(path).path
    for route in _routes():
        if route.method == wanted and route.path.fullmatch(plain):
            return route
    return None


def _service_with_pages() -> str:
    return next(
        service.name
        for context in CONTEXTS
        for service in context.services
        if service.pages
    )


def _routes() -> list[Route]:
    # Load tests call this from many threads, and Alembic is not thread-safe.
    with _finding:
        return _found_routes()


@functools.cache
def _found_routes() -> list[Route]:
    with TemporaryDirectory(prefix="storehouse-routes-") as folder:
        settings = Settings.from_environment(in_folder(Path(folder)).environment)
        storehouse = assemble(settings)
        storehouse.stop()
    return [
        Route(
            operation.method,
            re.compile(re.sub(r"\{\w+\}", "[^/]+", operation.rule)),
            service.name,
            operation.consistent,
        )
        for service in storehouse.services
        for operation in service.api.operations
    ]
