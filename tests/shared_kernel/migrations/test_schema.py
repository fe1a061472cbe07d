"""The state of a schema, its upgrade, and processes that find another revision."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import attrs
import pytest

from shared_kernel.migrations.migrate import Schema
from shared_kernel.serving.application import web_application
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import WrongSchemaError, is_fault
from tests.databases import Databases, Schemas
from tests.shared_kernel.migrations.histories import CATALOG, upgrade_to
from tests.storehouses import a_storehouse

UPGRADE = "run `flask --app app database upgrade`"
RUN_THAT_ONE = "it was upgraded by a newer version of Storehouse: run that one"
Open = Callable[[], Schema]


@pytest.fixture
def open_schema(databases: Databases) -> Iterator[Open]:
    """Opens the schema as a new process would; it is not created yet."""
    with ExitStack() as opened:

        def open_one() -> Schema:
            schema = CATALOG.schema(databases)
            opened.callback(schema.database.close)
            return schema

        yield open_one


@pytest.fixture
def schema(open_schema: Open) -> Schema:
    return open_schema()


def write_revision(schema: Schema, revision: str) -> None:
    with schema.database.maintaining() as connection:
        connection.exec_driver_sql(
            f"UPDATE alembic_version SET version_num = '{revision}'"
        )


def test_a_database_without_tables_is_older_than_any_revision(schema: Schema) -> None:
    state = schema.state()

    assert (state.revision, state.head) == (None, "0015")
    assert not state.is_current
    assert not state.is_newer


def test_reading_the_state_changes_nothing(schema: Schema, open_schema: Open) -> None:
    schema.state()

    assert open_schema().state().revision is None


def test_an_upgrade_returns_whether_it_changed_anything(schema: Schema) -> None:
    assert schema.upgrade()
    assert not schema.upgrade()
    assert schema.state().is_current


def test_a_database_at_an_earlier_revision_is_older(schema: Schema) -> None:
    upgrade_to(schema, "0002")

    state = schema.state()

    assert (state.revision, state.is_current, state.is_newer) == ("0002", False, False)
    assert schema.upgrade()


def test_a_downgrade_returns_whether_it_changed_anything(schema: Schema) -> None:
    schema.upgrade()

    assert schema.downgrade("0001")
    assert not schema.downgrade("0001")
    assert schema.state().revision == "0001"


@pytest.mark.parametrize(
    "change", [Schema.upgrade, lambda schema: schema.downgrade("0001")]
)
def test_a_newer_database_is_not_changed(
    schema: Schema, change: Callable[[Schema], bool]
) -> None:
    schema.upgrade()
    write_revision(schema, "9999")

    with pytest.raises(WrongSchemaError, match=RUN_THAT_ONE) as raised:
        change(schema)

    assert schema.database.shown in str(raised.value)
    state = schema.state()
    assert (state.revision, state.is_newer, state.is_current) == ("9999", True, False)


def test_of_concurrent_upgrades_one_does_it_and_the_others_find_it_done(
    open_schema: Open,
) -> None:
    schemas = [open_schema() for _ in range(4)]

    with ThreadPoolExecutor(len(schemas)) as threads:
        done = list(threads.map(Schema.upgrade, schemas))

    assert sorted(done) == [False, False, False, True]
    assert open_schema().state().is_current


def test_a_process_upgrades_a_file_and_expects_a_server_to_be_upgraded(
    schema: Schema,
) -> None:
    schema.prepare()

    if schema.database.upgrades_itself:
        schema.database.open()
    else:
        with pytest.raises(WrongSchemaError):
            schema.database.open()
    assert schema.state().is_current == schema.database.upgrades_itself


@attrs.frozen
class Case:
    """The revision of the schema, and the message about it."""

    revision: str | None
    why: str


CASES = [
    Case(None, f"has no tables yet, this version needs 0015: {UPGRADE}"),
    Case("0002", f"is at revision 0002, this version needs 0015: {UPGRADE}"),
    Case("9999", f"is at revision 9999, this version needs 0015: {RUN_THAT_ONE}"),
]


@pytest.fixture
def expecting(schemas: Schemas) -> Iterator[Schema]:
    """A process on PostgreSQL that has started, but not queried anything yet."""
    schema = CATALOG.schema(schemas)
    schema.prepare()
    with closing(schema.database):
        yield schema


def bring_to(schemas: Schemas, revision: str | None) -> None:
    """By another process."""
    schema = CATALOG.schema(schemas)
    with closing(schema.database):
        if revision == "9999":
            schema.upgrade()
            write_revision(schema, revision)
        elif revision is not None:
            upgrade_to(schema, revision)


@pytest.mark.server
@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.revision))
@pytest.mark.parametrize("use", [Database.reading, Database.writing])
def test_a_server_with_another_schema_is_refused_with_the_fix(
    expecting: Schema, schemas: Schemas, case: Case, use: Callable[[Database], object]
) -> None:
    bring_to(schemas, case.revision)

    with pytest.raises(WrongSchemaError) as raised, use(expecting.database):  # type: ignore[attr-defined]  # either is a context
        pass

    assert str(raised.value) == f"{expecting.database.shown} {case.why}"
    assert is_fault(raised.value)


@pytest.mark.server
def test_a_refused_process_works_once_the_schema_is_upgraded(
    expecting: Schema, schemas: Schemas
) -> None:
    with pytest.raises(WrongSchemaError):
        expecting.database.open()

    bring_to(schemas, "0015")

    expecting.database.open()


@pytest.mark.server
def test_the_upgrading_process_need_not_reopen_the_database(expecting: Schema) -> None:
    with pytest.raises(WrongSchemaError):
        expecting.database.open()

    expecting.upgrade()

    expecting.database.open()
    expecting.downgrade("0002")
    with pytest.raises(WrongSchemaError):
        expecting.database.open()


@pytest.mark.server
def test_schemas_of_one_database_are_independent(schemas: Schemas) -> None:
    names = ("one", "Two", "three")
    made = [
        Schema(name, Database(schemas.url(name)), CATALOG.schema(schemas).revisions)
        for name in names
    ]

    assert [schema.upgrade() for schema in made[:2]] == [True, True]

    assert [schema.state().revision for schema in made] == ["0015", "0015", None]
    for schema in made:
        schema.database.close()


@pytest.mark.server
def test_a_whole_storehouse_on_an_old_schema_is_unavailable_until_the_upgrade(
    schemas: Schemas,
) -> None:
    with a_storehouse(schemas) as storehouse:
        (commands,) = storehouse.context("catalog").schemas
        commands.downgrade("0002")
        client = web_application(storehouse).test_client()
        lamp = {"name": "Lamp", "sku": "LAMP-1", "stock_count": 5}

        refused = client.post("/products", json=lamp)
        commands.upgrade()
        done = client.post("/products", json=lamp)

    assert (refused.status_code, refused.json["type"]) == (  # type: ignore[index]
        503,
        "/problems/unavailable",
    )
    assert done.status_code == 201
