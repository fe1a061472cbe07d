"""Published events keep what was promised to their readers (law 6)."""

import ast
import copy
import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import jsonschema_rs
import msgspec
import pytest

import catalog.published
import inventory.published
from app import CONTEXTS
from catalog.adapters import inventory_acl
from catalog.read_model import listing_projector
from inventory.adapters import catalog_acl
from shared_kernel.buses.envelope import Envelope
from shared_kernel.dead_letters.letter import DEAD, DeadLetter
from shared_kernel.events.entries import Entry
from shared_kernel.events.errors import UnreadableEventError
from shared_kernel.events.versions import schema_file
from shared_kernel.operations.schemas import schema_files, write_schemas
from shared_kernel.runtime.running import RunningServices
from shared_kernel.runtime.service import WritingService
from tests.catalog.listings import listed
from tests.contract.readers import READERS, complaints, name_of
from tests.databases import Databases
from tests.storehouses import a_storehouse

pytestmark = pytest.mark.proof_on("postgresql")

ROOT = Path(__file__).parents[2]
LANGUAGES = [
    importlib.import_module(f"{context.name}.published") for context in CONTEXTS
]
INSERTED = {
    "name": "Lamp",
    "sku": "LAMP-0001",
    "description": None,
    "price_minor_units": 1999,
    "price_currency": "EUR",
    "status": "listed",
    "version": 1,
    "stock_count": 5,
}
DEPLETED = {
    "sku": "LAMP-0001",
    "on_hand": 0,
    "reserved": 0,
    "available": 0,
    "availability": "out_of_stock",
    "version": 2,
}


def folder_of(published: ModuleType) -> Path:
    return Path(str(published.__file__)).parent / "schemas"


def schema_of(subject: str) -> dict[str, Any]:
    for published in LANGUAGES:
        if subject in published.SUBJECTS:
            text = (folder_of(published) / schema_file(subject)).read_text("utf-8")
            schema: dict[str, Any] = json.loads(text)
            return schema
    raise LookupError(subject)


def an_envelope(subject: str, payload: Mapping[str, object]) -> Envelope:
    data = json.dumps(payload).encode()
    return Envelope(1, "id", "catalog", subject, "LAMP-0001", 0, None, data)


READ = [(reader, subject) for reader, read in READERS.items() for subject in read]
NEEDED = [
    (reader, subject, field.name)
    for reader, subject in READ
    for field in attrs.fields(reader)
    if field.default is attrs.NOTHING
]


@pytest.mark.parametrize("published", LANGUAGES, ids=lambda each: each.__name__)
def test_the_schema_files_match_the_published_classes(published: ModuleType) -> None:
    files = {
        file.name: file.read_bytes() for file in folder_of(published).glob("*.json")
    }

    assert files == schema_files(published.SUBJECTS), "`make schemas` writes them anew"


def test_writing_schemas_removes_those_of_deleted_events(tmp_path: Path) -> None:
    write_schemas(inventory.published.SUBJECTS, tmp_path)
    write_schemas(catalog.published.SUBJECTS, tmp_path)

    names = {file.name for file in tmp_path.iterdir()}
    assert names == {f"{subject}.v1.json" for subject in catalog.published.SUBJECTS}


@pytest.mark.parametrize(
    ("subject", "kind"),
    [pair for published in LANGUAGES for pair in published.SUBJECTS.items()],
)
def test_published_events_match_their_schemas(subject: str, kind: type) -> None:
    examples: dict[object, Any] = {str: "x", int: 1, tuple[str, ...]: ("x",)}
    examples |= {str | None: None, int | None: None}
    examples[tuple[inventory.published.ReleasedHold, ...]] = (
        inventory.published.ReleasedHold(order="x", pieces=None),
    )
    fields = attrs.fields(attrs.resolve_types(kind))
    event = kind(**{field.name: examples[field.type] for field in fields})

    payload = json.loads(msgspec.json.encode(event))

    schema = schema_of(subject)
    jsonschema_rs.meta.validate(schema)
    jsonschema_rs.validate(schema, payload)
    for name in schema["required"]:
        left = {key: value for key, value in payload.items() if key != name}
        assert not jsonschema_rs.is_valid(schema, left)


def test_every_class_that_reads_an_event_is_known() -> None:
    """Readers call `read_as` or `read_all` with the class as first argument."""
    read = set()
    for context in CONTEXTS:
        for path in (ROOT / context.name).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.func.id in {"read_as", "read_all"}
                ):
                    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                    reader = ast.unparse(node.args[0])
                    read.add(getattr(importlib.import_module(module), reader))

    assert read == READERS.keys()


@pytest.mark.parametrize(("reader", "subject"), READ)
def test_published_schemas_promise_what_readers_need(
    reader: type, subject: str
) -> None:
    assert complaints(reader, schema_of(subject)) == []


@pytest.mark.parametrize(("reader", "subject", "field"), NEEDED)
def test_a_change_that_would_break_a_reader_names_it(
    reader: type, subject: str, field: str
) -> None:
    gone, optional, another = (copy.deepcopy(schema_of(subject)) for _ in range(3))
    del gone["properties"][field]
    optional["required"].remove(field)
    another["properties"][field] = {"type": "array"}

    for schema, why in (
        (gone, "not there"),
        (optional, "may be missing"),
        (another, "another type"),
    ):
        (complaint,) = complaints(reader, schema)
        assert name_of(reader) in complaint
        assert f"{field!r} of {subject}" in complaint
        assert why in complaint


@pytest.mark.parametrize(("reader", "subject"), READ)
def test_a_new_optional_field_breaks_no_reader(reader: type, subject: str) -> None:
    schema = schema_of(subject)
    schema["properties"]["colour"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}

    assert complaints(reader, schema) == []


@pytest.mark.parametrize("subject", catalog.published.SUBJECTS)
def test_a_new_field_of_a_product_changes_nothing_for_inventory(subject: str) -> None:
    as_now = an_envelope(subject, INSERTED)
    in_future = an_envelope(subject, INSERTED | {"colour": "red"})

    assert catalog_acl.translate(in_future) == catalog_acl.translate(as_now)


def test_a_new_field_of_a_product_changes_nothing_for_the_listing() -> None:
    as_now = an_envelope("product.inserted", INSERTED)
    in_future = an_envelope("product.inserted", INSERTED | {"colour": "red"})

    ((_, shown),) = listing_projector.products_shown([in_future])
    assert shown == listing_projector.products_shown([as_now])[0][1]


def test_a_new_field_of_a_stock_item_changes_nothing_for_the_listing() -> None:
    as_now = an_envelope("stock.depleted", DEPLETED)
    in_future = an_envelope("stock.depleted", DEPLETED | {"aisle": 7})

    changes = inventory_acl.availability_changes([in_future])
    assert changes == inventory_acl.availability_changes([as_now])


def publish(
    context: WritingService, subject: str, payload: Mapping[str, object]
) -> None:
    entry = Entry(subject, "LAMP-0001", json.dumps(payload).encode(), None)
    with context.databases[0].writing() as connection:
        context.log.append(connection, [entry], time_us=1)


def letters(storehouse: RunningServices) -> dict[tuple[str, str], DeadLetter]:
    """By subscription and source."""
    return {
        (letter.subscription, letter.envelope.source): letter
        for service in storehouse.services
        for letters in service.dead_letters.values()
        for letter in letters.list()
        if letter.state == DEAD
    }


@pytest.mark.parametrize("field", ["sku", "stock_count"])
def test_inventory_dead_letters_a_product_that_lacks_a_field_and_names_it(
    databases: Databases, field: str
) -> None:
    with a_storehouse(databases) as storehouse:
        lacking = {key: value for key, value in INSERTED.items() if key != field}
        publish(storehouse.context("catalog"), "product.inserted", lacking)
        storehouse.workers.run_until_idle()

        reason = letters(storehouse)["inventory.catalog", "catalog"].reason
        assert f"`{field}`" in reason
        assert "inventory.adapters.catalog_acl.ProductInserted reads it" in reason
        assert "product.inserted.v1.json" in reason
        assert "product.inserted at position 1 of catalog" in reason


@pytest.mark.parametrize("count", [5.0, "5"])
def test_a_number_that_is_written_otherwise_is_read(count: object) -> None:
    envelope = an_envelope("product.inserted", INSERTED | {"stock_count": count})

    command = catalog_acl.translate(envelope)

    assert command == catalog_acl.translate(an_envelope("product.inserted", INSERTED))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"sku": 7}, r"Expected `str`, got `int` - at `\$.sku`"),
        ({"stock_count": "five"}, r"at `\$.stock_count`"),
        ({"stock_count": 5.5}, r"at `\$.stock_count`"),
    ],
)
def test_a_mistyped_field_is_told_with_reader_and_schema(
    wrong: dict[str, object], told: str
) -> None:
    envelope = an_envelope("product.inserted", INSERTED | wrong)

    with pytest.raises(UnreadableEventError, match=told) as raised:
        catalog_acl.translate(envelope)

    assert str(raised.value).endswith(
        "inventory.adapters.catalog_acl.ProductInserted reads it, by the schema "
        "product.inserted.v1.json"
    )


@pytest.mark.parametrize("field", ["sku", "name", "status", "version"])
def test_the_listing_dead_letters_a_product_that_lacks_a_field_and_names_it(
    databases: Databases, field: str
) -> None:
    with a_storehouse(databases) as storehouse:
        lacking = {key: value for key, value in INSERTED.items() if key != field}
        publish(storehouse.context("catalog"), "product.inserted", lacking)
        storehouse.workers.run_until_idle()

        reason = letters(storehouse)["catalog.listing", "catalog"].reason
        assert f"`{field}`" in reason
        assert listed(storehouse) == []


@pytest.mark.parametrize("field", ["sku", "availability"])
def test_the_listing_dead_letters_a_stock_event_that_lacks_a_field_and_names_it(
    databases: Databases, field: str
) -> None:
    with a_storehouse(databases) as storehouse:
        lacking = {key: value for key, value in DEPLETED.items() if key != field}
        publish(storehouse.context("catalog"), "product.inserted", INSERTED)
        publish(storehouse.context("inventory"), "stock.depleted", lacking)
        storehouse.workers.run_until_idle()

        assert (
            f"`{field}`" in letters(storehouse)["catalog.listing", "inventory"].reason
        )
        # The other source is projected nevertheless.
        assert [row["availability"] for row in listed(storehouse)] == ["unknown"]
