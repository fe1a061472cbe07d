"""`/openapi.json` and what is served agree."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import CONTEXTS
from inventory.bootstrap import NAME as INVENTORY
from shared_kernel.operations.context_map import questions
from shared_kernel.serving.application import web_application
from shared_kernel.web.routes import path_of
from tests.cluster import ONE, ROOT, Cluster
from tests.contract.readers import complaints
from tests.databases import Databases, Files
from tests.storehouses import a_storehouse


def test_every_route_is_described(tmp_path: Path) -> None:
    with a_storehouse(tmp_path) as running:
        app = web_application(running)
        described = app.test_client().get("/openapi.json").get_json()["paths"]
        served = {path_of(str(rule)) for rule in app.url_map.iter_rules()}

    for_people = {"/", "/docs", "/docs/events", "/problems/{slug}"}
    for_people |= {"/openapi.json", "/asyncapi.json"}
    assert served - set(described) == for_people | {"/static/{filename}"}


def test_fields_that_one_context_reads_of_another_are_described(tmp_path: Path) -> None:
    with a_storehouse(tmp_path) as running:
        client = web_application(running).test_client()
        document = client.get("/openapi.json").get_json()

    for _, _, need in questions(CONTEXTS):
        for kind, routes in need.reads.items():
            for method, path in (route.split() for route in routes):
                answers = document["paths"][path][method.lower()]["responses"]
                assert any(
                    complaints(kind, {"title": path, **schema}) == []
                    for schema in _schemas(document, answers)
                ), f"{kind} cannot be read of {method} {path}"


def _schemas(
    document: dict[str, Any], answers: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    for answer in answers.values():
        for content in _at(document, answer).get("content", {}).values():
            given = _at(document, content["schema"])
            for choice in given.get("anyOf", [given]):
                schema = _at(document, choice)
                if "properties" in schema:
                    yield {"required": [], **schema}


def _at(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """The part itself, or the one that it refers to."""
    if "$ref" not in part:
        return part
    found = document
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return _at(document, found)


@pytest.mark.proof
@pytest.mark.server
def test_the_server_does_as_its_description_says(
    databases: Databases, tmp_path: Path
) -> None:
    with Cluster(tmp_path, ONE, "inprocess", databases=databases) as cluster:
        (port,) = cluster.ports_of(INVENTORY)
        address = f"http://127.0.0.1:{port}/openapi.json"
        program = [str(Path(sys.executable).parent / "schemathesis"), "run", address]
        # HTTP is the same on both; the other database only stores what is accepted.
        most = "10" if isinstance(databases, Files) else "3"
        options = ["--checks", "all", "--workers", "1", "--max-examples", most]
        done = subprocess.run(
            [*program, *options, "--no-color"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 0, done.stdout[-4000:]
