"""The trigram index of the listing on PostgreSQL, and the extension it needs."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy.engine import make_url

from shared_kernel.migrations.migrate import Schema
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import StorageUnavailableError
from tests.databases import Schemas
from tests.shared_kernel.migrations.histories import (
    LISTING,
    contents,
    fill,
    upgrade_to,
)

pytestmark = pytest.mark.server

GUEST = "storehouse_guest"


@pytest.fixture
def of_a_guest(schemas: Schemas) -> Iterator[Schema]:
    """A listing's schema, not created yet, of a role that is not a superuser.

    The role may only create schemas. The extension is not installed.
    """
    run(schemas, "DROP EXTENSION pg_trgm CASCADE")
    run(schemas, f"CREATE ROLE {GUEST} LOGIN")
    run(schemas, f'GRANT CREATE ON DATABASE "{schemas.database}" TO {GUEST}')
    url = make_url(schemas.url("new")).set(username=GUEST)
    schema = Schema(
        "new",
        Database(url.render_as_string()),
        LISTING.schema(schemas).revisions,
    )
    with closing(schema.database):
        yield schema
    run(schemas, f"DROP OWNED BY {GUEST} CASCADE")
    run(schemas, f"DROP ROLE {GUEST}")


def run(schemas: Schemas, statement: str) -> None:
    schemas.server.execute(schemas.database, statement)


def index_of_texts(schemas: Schemas) -> list[str]:
    return [
        definition.partition(" USING ")[2]
        for (definition,) in schemas.rows(
            "new",
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'new'"
            " AND indexname = 'product_listing_sought'",
        )
    ]


def extensions(schemas: Schemas) -> list[str]:
    return [
        place
        for (place,) in schemas.rows(
            "new",
            "SELECT CAST(CAST(extnamespace AS regnamespace) AS text)"
            " FROM pg_extension WHERE extname = 'pg_trgm'",
        )
    ]


def test_a_role_that_may_create_the_schema_may_create_the_extension(
    schemas: Schemas, of_a_guest: Schema
) -> None:
    of_a_guest.upgrade()

    assert extensions(schemas) == ["public"]
    assert index_of_texts(schemas) == ["gin (sought public.gin_trgm_ops)"]


def test_an_extension_installed_in_another_schema_is_used(
    schemas: Schemas, of_a_guest: Schema
) -> None:
    run(schemas, 'CREATE SCHEMA "Some tools"')
    run(schemas, 'CREATE EXTENSION pg_trgm SCHEMA "Some tools"')
    run(schemas, f'GRANT USAGE ON SCHEMA "Some tools" TO {GUEST}')

    of_a_guest.upgrade()

    assert extensions(schemas) == ['"Some tools"']
    assert index_of_texts(schemas) == ['gin (sought "Some tools".gin_trgm_ops)']


def test_without_the_public_schema_the_extension_goes_to_ours(
    schemas: Schemas, of_a_guest: Schema
) -> None:
    run(schemas, "DROP SCHEMA public")

    of_a_guest.upgrade()

    assert extensions(schemas) == ["new"]
    assert index_of_texts(schemas) == ["gin (sought gin_trgm_ops)"]


def test_a_downgrade_keeps_the_extension_for_others(
    schemas: Schemas, of_a_guest: Schema
) -> None:
    of_a_guest.upgrade()

    of_a_guest.downgrade("0001")

    assert extensions(schemas) == ["public"]
    assert index_of_texts(schemas) == []


def test_an_extension_that_may_not_be_created_is_reported_and_nothing_is_done(
    schemas: Schemas, of_a_guest: Schema
) -> None:
    upgrade_to(of_a_guest, "0001")
    before = fill(of_a_guest.database)
    run(schemas, f'REVOKE CREATE ON DATABASE "{schemas.database}" FROM {GUEST}')
    run(schemas, f"ALTER SCHEMA new OWNER TO {GUEST}")

    with pytest.raises(StorageUnavailableError) as raised:
        of_a_guest.upgrade()

    assert str(raised.value) == (
        f"{of_a_guest.database.shown} cannot be changed: permission denied for "
        f"database {schemas.database}; nothing was done"
    )
    assert contents(of_a_guest.database) == before
    assert of_a_guest.state().revision == "0001"


def test_an_extension_in_a_schema_without_permission_is_reported(
    schemas: Schemas, of_a_guest: Schema
) -> None:
    run(schemas, "CREATE SCHEMA tools")
    run(schemas, "CREATE EXTENSION pg_trgm SCHEMA tools")
    upgrade_to(of_a_guest, "0001")
    before = fill(of_a_guest.database)

    with pytest.raises(StorageUnavailableError) as raised:
        of_a_guest.upgrade()

    assert str(raised.value) == (
        f"{of_a_guest.database.shown} cannot be changed: permission denied for schema "
        "tools; nothing was done"
    )
    assert contents(of_a_guest.database) == before
    assert of_a_guest.state().revision == "0001"
