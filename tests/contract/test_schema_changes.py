"""A change of a published event that would break a reader fails the build (law 6).

`jsoncompat` is the oracle for the verdicts: writers are closed, readers are open.
"""

import json
from collections.abc import Mapping
from typing import Any

import attrs
import jsoncompat
import jsonschema_rs
import pytest
from click.testing import CliRunner

from app import CONTEXTS
from shared_kernel.operations import schemas_cli
from shared_kernel.operations.asyncapi import example_of
from shared_kernel.operations.compatibility import Change, Verdict, changes
from shared_kernel.operations.context_map import fields_read
from shared_kernel.operations.releases import (
    Difference,
    compared,
    differences,
    folder_of,
    released,
    schemas_of,
)
from shared_kernel.operations.schemas import notes_of, schema_of

INTEGER, TEXT = {"type": "integer"}, {"type": "string"}
OPTIONAL_TEXT = {"anyOf": [TEXT, {"type": "null"}], "default": None}
COLOURS = {"enum": ["blue", "red"], "type": "string"}
LINES = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"order": TEXT, "pieces": INTEGER},
        "required": ["order", "pieces"],
    },
}


def an_event(required: tuple[str, ...] = ("a", "c"), **fields: Any) -> dict[str, Any]:
    properties = {"a": INTEGER, "b": OPTIONAL_TEXT, "c": COLOURS, "d": LINES} | fields
    return {
        "type": "object",
        "title": "thing.done",
        "properties": {k: v for k, v in properties.items() if v is not None},
        "required": [name for name in required if properties.get(name) is not None],
    }


def lines(**fields: Any) -> dict[str, Any]:
    properties = {**LINES["items"]["properties"], **fields}  # type: ignore[index]
    properties = {name: each for name, each in properties.items() if each is not None}
    required = [name for name in ("order", "pieces") if name in properties]
    return {
        "type": "array",
        "items": {"type": "object", "properties": properties, "required": required},
    }


KINDS = {
    "a new optional field": (an_event(e=OPTIONAL_TEXT), Verdict.FULL, "e"),
    "a new required field": (
        an_event(e=TEXT, required=("a", "c", "e")),
        Verdict.FORWARD,
        "e",
    ),
    "a required field removed": (an_event(a=None), Verdict.BACKWARD, "a"),
    "optional made required": (an_event(("a", "b", "c")), Verdict.FORWARD, "b"),
    "required made optional": (an_event(("c",)), Verdict.BACKWARD, "a"),
    "a type narrowed": (an_event(b=TEXT), Verdict.FORWARD, "b"),
    "a type widened": (an_event(a={"type": "number"}), Verdict.BACKWARD, "a"),
    "another type": (an_event(a=TEXT), Verdict.NONE, "a"),
    "an enumeration narrowed": (
        an_event(c={"enum": ["red"], "type": "string"}),
        Verdict.FORWARD,
        "c",
    ),
    "an enumeration widened": (
        an_event(c={"enum": ["blue", "green", "red"], "type": "string"}),
        Verdict.BACKWARD,
        "c",
    ),
    "an enumeration given up": (an_event(c=TEXT), Verdict.BACKWARD, "c"),
    "an enumeration changed": (
        an_event(c={"enum": ["blue", "green"], "type": "string"}),
        Verdict.NONE,
        "c",
    ),
    "an inner field removed": (
        an_event(d=lines(pieces=None)),
        Verdict.BACKWARD,
        "d[].pieces",
    ),
    "an inner type changed": (
        an_event(d=lines(pieces=TEXT)),
        Verdict.NONE,
        "d[].pieces",
    ),
    "elements of another type": (
        an_event(d={"type": "array", "items": TEXT}),
        Verdict.NONE,
        "d[]",
    ),
}


def closed(schema: Any) -> Any:
    """What writers write: declared fields only."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(each) for name, each in schema.items()}
    return inner | ({"additionalProperties": False} if "properties" in schema else {})


def verdict_of(old: dict[str, Any], new: dict[str, Any]) -> Verdict:
    """By jsoncompat."""
    backward = jsoncompat.check_compat(
        json.dumps(closed(old)), json.dumps(new), "deserializer"
    )
    forward = jsoncompat.check_compat(
        json.dumps(old), json.dumps(closed(new)), "serializer"
    )
    both = {
        (True, True): Verdict.FULL,
        (True, False): Verdict.BACKWARD,
        (False, True): Verdict.FORWARD,
        (False, False): Verdict.NONE,
    }
    return both[backward, forward]


@pytest.mark.parametrize(("new", "verdict", "field"), KINDS.values(), ids=KINDS)
def test_a_change_has_the_verdict_of_the_oracle(
    new: dict[str, Any], verdict: Verdict, field: str
) -> None:
    old = an_event()

    (change,) = changes(old, new)

    assert (change.field, change.verdict) == (field, verdict)
    assert change.breaks is (verdict is not Verdict.FULL)
    assert verdict_of(old, new) is verdict


def test_nothing_changed_is_no_change() -> None:
    assert changes(an_event(), an_event()) == []


def test_an_optional_field_that_goes_breaks_those_who_show_it() -> None:
    """Formally FULL, by the oracle, too: but readers of it show nothing from now on."""
    old, new = an_event(), an_event(b=None)

    (change,) = changes(old, new)

    assert change.verdict is Verdict.FULL is verdict_of(old, new)
    assert change.breaks


@pytest.mark.parametrize("bound", [{"minimum": 1}, {"maxLength": 5}, {"pattern": "x"}])
def test_other_bounds_break_both_sides(bound: dict[str, Any]) -> None:
    (change,) = changes(an_event(), an_event(a=INTEGER | bound))

    assert (change.verdict, change.what) == (Verdict.NONE, "has other bounds")


@pytest.mark.parametrize(
    ("noted", "what"),
    [
        ({"description": "on the shelf. As counted.", "x-unit": "cases"}, "unit"),
        ({"description": "on the shelf. As counted."}, "unit"),
        ({"description": "on order. As counted.", "x-unit": "pieces"}, "meaning"),
    ],
)
def test_another_unit_or_meaning_breaks_both_sides(
    noted: dict[str, Any], what: str
) -> None:
    old = an_event(a=INTEGER | {"description": "on the shelf", "x-unit": "pieces"})

    (change,) = changes(old, an_event(a=INTEGER | noted))

    assert change.verdict is Verdict.NONE
    assert f"has another {what}" in change.what


def test_a_longer_explanation_changes_nothing() -> None:
    old = an_event(a=INTEGER | {"description": "on the shelf", "examples": [1]})
    new = an_event(a=INTEGER | {"description": "on the  shelf. As last counted."})

    assert changes(old, new) == []


TODAY = {subject: s for c in CONTEXTS for subject, s in schemas_of(c).items()}


def found_in(changed: Mapping[str, Any]) -> list[Difference]:
    return list(compared("0.0.9", TODAY, changed, fields_read(CONTEXTS)))


def test_a_removed_field_is_told_with_its_readers_and_what_is_right_instead() -> None:
    lacking = json.loads(json.dumps(TODAY["product.inserted"]))
    del lacking["properties"]["stock_count"]

    (difference,) = found_in(TODAY | {"product.inserted": lacking})

    assert str(difference).startswith(
        "product.inserted.stock_count is gone (since 0.0.9: BACKWARD). "
        "Read by: inventory, ProductInserted (inventory/adapters/catalog_acl.py:"
    )
    assert "publish a new version beside this one" in str(difference)


def test_a_field_that_no_context_reads_is_told_nevertheless() -> None:
    lacking = json.loads(json.dumps(TODAY["stock.counted"]))
    del lacking["properties"]["reason"]

    (difference,) = found_in(TODAY | {"stock.counted": lacking})

    assert difference.change.breaks
    assert "no context here, perhaps by other programs" in str(difference)


def test_an_event_that_is_no_longer_published_names_all_its_readers() -> None:
    without = {name: s for name, s in TODAY.items() if name != "product.relisted"}

    (difference,) = found_in(without)

    assert "product.relisted is no longer published" in str(difference)
    assert "catalog, ProductShown" in str(difference)
    assert "inventory, ProductSeen" in str(difference)


def test_a_new_event_is_no_change() -> None:
    assert found_in(TODAY | {"product.painted": an_event()}) == []


def test_published_events_break_no_reader_of_an_earlier_release() -> None:
    """Otherwise: a new version of the event beside the old one, and an upcast."""
    broken = [str(each) for each in differences(CONTEXTS) if each.change.breaks]

    assert broken == []


def test_the_schemas_of_releases_are_kept() -> None:
    kept = [
        schema
        for context in CONTEXTS
        for schemas in released(folder_of(context)).values()
        for schema in schemas.values()
    ]

    for schema in kept:
        jsonschema_rs.meta.validate(schema)
    assert {"product.inserted", "stock.opened"} <= {each["title"] for each in kept}


PUBLISHED = [pair for context in CONTEXTS for pair in context.published.items()]


@pytest.mark.parametrize(("subject", "kind"), PUBLISHED)
def test_every_field_is_told_with_an_example_that_its_schema_accepts(
    subject: str, kind: type
) -> None:
    notes, schema = notes_of(kind), schema_of(subject, kind)

    assert notes.keys() == {field.name for field in attrs.fields(kind)}
    for name in notes:
        example = example_of(schema["properties"][name])
        assert example not in (None, [])
        jsonschema_rs.validate(schema["properties"][name], example)


def test_the_command_fails_and_names_what_breaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost = Change(field="name", what="is gone", forward=False, instead="keep it")
    difference = Difference(
        subject="product.inserted", release="0.1.0", change=lost, readers=[]
    )
    monkeypatch.setattr(schemas_cli, "differences", lambda _: [difference])
    command = schemas_cli.schemas_group(CONTEXTS)

    for arguments in (["check"], ["release", "0.2.0"]):
        ended = CliRunner().invoke(command, arguments)
        assert ended.exit_code == 1
        assert "product.inserted.name is gone" in ended.output


def test_the_command_passes_what_breaks_nothing() -> None:
    ended = CliRunner().invoke(schemas_cli.schemas_group(CONTEXTS), ["check"])

    assert ended.exit_code == 0
    assert "No reader breaks." in ended.output


def test_a_release_needs_a_version() -> None:
    command = schemas_cli.schemas_group(CONTEXTS)

    ended = CliRunner().invoke(command, ["release", "../here"])

    assert ended.exit_code == 2
    assert "expected e.g. 0.2.0" in ended.output
