"""Rules of redocly about paths, operations, and what the whole document says."""

import functools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

import jsonschema_rs

from tests.contract.openapi_lint.parts import Document, rule

_URL_SAFE = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]+")
_MAP_NAME = re.compile(r"[a-zA-Z0-9._-]+")
_PARAMETER = re.compile(r"\{(.*?)\}")


@rule("struct")
def structure(document: Document) -> Iterator[str]:
    for error in _openapi_3_1().iter_errors(document.whole):
        yield f"{error.instance_path}: {error.message}"
    for place, schema in document.schemas():
        if not jsonschema_rs.meta.is_valid(dict(schema)):
            yield place


@functools.cache
def _openapi_3_1() -> jsonschema_rs.Draft202012Validator:
    """By the official schema. The package that has it takes long to import."""
    found = find_spec("openapi_spec_validator")
    assert found
    assert found.origin
    file = Path(found.origin).parent / "resources/schemas/v3.1/schema.json"
    return jsonschema_rs.Draft202012Validator(json.loads(file.read_text("utf-8")))


@rule("no-unresolved-refs")
def references_lead_somewhere(document: Document) -> Iterator[str]:
    for reference in document.references():
        try:
            document.at(reference)
        except KeyError:
            yield reference


@rule("info-license")
def there_is_a_license(document: Document) -> Iterator[str]:
    if not document.whole["info"].get("license"):
        yield "info has no license"


@rule("info-license-strict")
def the_license_can_be_found(document: Document) -> Iterator[str]:
    if not document.whole["info"].get("license", {}).keys() & {"url", "identifier"}:
        yield "the license has neither url nor identifier"


@rule("no-empty-servers")
def there_is_a_server(document: Document) -> Iterator[str]:
    if not document.whole.get("servers"):
        yield "there are no servers"


@rule("no-server-example.com")
def servers_are_no_examples(document: Document) -> Iterator[str]:
    for server in document.whole.get("servers", ()):
        if re.search(r"(^|[/.])(example\.com|localhost)([/:?]|$)", server["url"]):
            yield server["url"]


@rule("no-server-trailing-slash")
def servers_have_no_slash_at_the_end(document: Document) -> Iterator[str]:
    for server in document.whole.get("servers", ()):
        if server["url"][1:].endswith("/"):
            yield server["url"]


@rule("security-defined")
def security_is_defined(document: Document) -> Iterator[str]:
    schemes = document.whole["components"].get("securitySchemes", {})
    at_the_top = "security" in document.whole
    for place, part in [("the top", document.whole), *document.operations()]:
        if "security" not in part and not at_the_top:
            yield f"{place} has no security"
        for requirement in part.get("security", ()):
            yield from (f"{place}: {name}" for name in requirement.keys() - schemes)


@rule("tag-description")
def tags_are_described(document: Document) -> Iterator[str]:
    for tag in document.whole["tags"]:
        if not tag.get("description"):
            yield tag["name"]


@rule("no-duplicated-tag-names")
def tags_are_unique(document: Document) -> Iterator[str]:
    yield from _repeated(tag["name"] for tag in document.whole["tags"])


@rule("operation-tag-defined")
def tags_of_operations_are_described(document: Document) -> Iterator[str]:
    defined = {tag["name"] for tag in document.whole["tags"]}
    for place, operation in document.operations():
        yield from (f"{place}: {tag}" for tag in {*operation["tags"]} - defined)


@rule("no-ambiguous-paths")
def paths_are_unambiguous(document: Document) -> Iterator[str]:
    paths = list(document.whole["paths"])
    for place, path in enumerate(paths):
        for other in paths[:place]:
            if _are_ambiguous(path, other):
                yield f"{other} and {path}"


def _are_ambiguous(one: str, other: str) -> bool:
    if one.count("/") != other.count("/") or one.count("{") != other.count("{"):
        return False
    parts = zip(one.split("/"), other.split("/"), strict=True)
    return all("{" in a or "{" in b or a == b for a, b in parts)


@rule("no-identical-paths")
def paths_are_unique(document: Document) -> Iterator[str]:
    yield from _repeated(_PARAMETER.sub("{}", path) for path in document.whole["paths"])


@rule("no-path-trailing-slash")
def paths_have_no_slash_at_the_end(document: Document) -> Iterator[str]:
    yield from (path for path in document.whole["paths"] if path[1:].endswith("/"))


@rule("path-declaration-must-exist")
def parameters_of_paths_have_names(document: Document) -> Iterator[str]:
    yield from (path for path in document.whole["paths"] if "{}" in path)


@rule("path-not-include-query")
def paths_have_no_query(document: Document) -> Iterator[str]:
    yield from (path for path in document.whole["paths"] if "?" in path)


@rule("path-parameters-defined")
def parameters_of_paths_are_defined(document: Document) -> Iterator[str]:
    for place, operation in document.operations():
        parameters = operation.get("parameters", ())
        defined = {each["name"] for each in parameters if each["in"] == "path"}
        if defined != {*_PARAMETER.findall(place)}:
            yield place


@rule("operation-parameters-unique")
def parameters_are_unique(document: Document) -> Iterator[str]:
    yield from _repeated(
        f"{place} in {parameter['in']}" for place, parameter in document.parameters()
    )


@rule("operation-summary")
def operations_have_a_summary(document: Document) -> Iterator[str]:
    yield from _without(document, "summary")


@rule("operation-description")
def operations_are_described(document: Document) -> Iterator[str]:
    yield from _without(document, "description")


@rule("operation-operationId")
def operations_have_a_name(document: Document) -> Iterator[str]:
    yield from _without(document, "operationId")


@rule("operation-operationId-unique")
def names_are_unique(document: Document) -> Iterator[str]:
    yield from _repeated(each.get("operationId") for _, each in document.operations())


@rule("operation-operationId-url-safe")
def names_can_be_in_urls(document: Document) -> Iterator[str]:
    for place, operation in document.operations():
        if not _URL_SAFE.fullmatch(operation.get("operationId", "")):
            yield place


@rule("operation-2xx-response")
def success_is_described(document: Document) -> Iterator[str]:
    yield from _without_answer(document, r"[23]..")


@rule("operation-4xx-response")
def client_errors_are_described(document: Document) -> Iterator[str]:
    yield from _without_answer(document, r"4..")


@rule("spec-components-invalid-map-name")
def names_of_components_are_words(document: Document) -> Iterator[str]:
    for kind in document.whole["components"].values():
        yield from (name for name in kind if not _MAP_NAME.fullmatch(name))


@rule("no-unused-components")
def components_are_used(document: Document) -> Iterator[str]:
    used = set(document.references())
    for name in document.whole["components"].get("schemas", {}):
        if f"#/components/schemas/{name}" not in used:
            yield name


def _without(document: Document, member: str) -> Iterator[str]:
    yield from (place for place, each in document.operations() if not each.get(member))


def _without_answer(document: Document, statuses: str) -> Iterator[str]:
    for place, operation in document.operations():
        if not any(re.fullmatch(statuses, each) for each in operation["responses"]):
            yield place


def _repeated(names: Iterable[str | None]) -> Iterator[str]:
    yield from (str(name) for name, times in Counter(names).items() if times > 1)
