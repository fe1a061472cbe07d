"""The databases at the command line: where each stands, and its upgrade."""

from collections.abc import Sequence

import attrs
import click
import msgspec

from shared_kernel.adapters.migrations.migrate import Schema, SchemaState
from shared_kernel.adapters.storage_errors import StorageUnavailableError
from shared_kernel.adapters.terminal import show_table, storage_faults_told


@attrs.frozen(kw_only=True)
class Found:
    """What `status` shows of one owner's database; `url` has no password."""

    owner: str
    url: str
    revision: str | None
    needed: str
    state: str


def database_group(schemas: Sequence[Schema]) -> click.Group:
    group = click.Group("database", help="The databases and their schemas.")

    @group.command("status")
    @click.option("--json", "as_json", is_flag=True, help="One JSON document.")
    def status(as_json: bool) -> None:
        """Show where the schema of each owner's database stands.

        \b
        current      as this version of Storehouse needs it
        older        to be upgraded: `database upgrade`
        newer        upgraded by a newer version of Storehouse: run that one
        unreachable  the database does not answer

        Exit code 0 if all are current, else 1.
        """  # noqa: D301 - click takes \b as a character
        found = [_look(schema) for schema in schemas]
        if as_json:
            click.echo(msgspec.json.encode([attrs.asdict(each) for each in found]))
        else:
            show_table(
                ("owner", "database", "revision", "needed", "state"),
                [
                    (e.owner, e.url, e.revision or "none", e.needed, e.state)
                    for e in found
                ],
            )
        if any(each.state != "current" for each in found):
            raise click.exceptions.Exit(1)

    @group.command("upgrade")
    def upgrade() -> None:
        """Bring the schema of each owner's database up to date.

        Each in one transaction: it is done or not done at all. Running it again, or
        twice at a time, does no harm. SQLite files are upgraded at each start; a
        PostgreSQL database is upgraded by this command alone. Processes of the version
        before are to be stopped first.
        """
        for schema in schemas:
            with storage_faults_told():
                done = schema.upgrade()
            what = "upgraded to" if done else "is current, at"
            click.echo(f"{schema.owner}: {what} revision {schema.head}")

    return group


def _look(schema: Schema) -> Found:
    try:
        state = schema.state()
    except StorageUnavailableError as error:
        click.echo(str(error), err=True)
        return _found(schema, None, "unreachable")
    return _found(schema, state.revision, _in_a_word(state))


def _found(schema: Schema, revision: str | None, state: str) -> Found:
    return Found(
        owner=schema.owner,
        url=schema.database.shown,
        revision=revision,
        needed=schema.head,
        state=state,
    )


def _in_a_word(state: SchemaState) -> str:
    if state.is_current:
        return "current"
    return "newer" if state.is_newer else "older"
