"""The databases at the command line: status, upgrade and copy."""

from collections.abc import Sequence

import attrs
import click
import msgspec
from rich.console import Console

from shared_kernel.files.progress import ProgressBar
from shared_kernel.migrations.database_copy import CannotCopyError, copy
from shared_kernel.migrations.migrate import Schema, SchemaState
from shared_kernel.operations.terminal import show_table, storage_faults_reported
from shared_kernel.runtime.setting import database_url
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import StorageUnavailableError
from shared_kernel.storage.served_files import DatabaseInUseError, ServedFiles


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
            with storage_faults_reported():
                done = schema.upgrade()
            what = "upgraded to" if done else "is current, at"
            click.echo(f"{schema.owner}: {what} revision {schema.head}")

    @group.command("copy")
    @click.option(
        "--from",
        "sources",
        metavar="OWNER=URL",
        multiple=True,
        required=True,
        help="The database of an owner that is to be copied; may be given again.",
    )
    def copy_(sources: Sequence[str]) -> None:
        """Copy databases into those of the settings, as from SQLite to PostgreSQL.

        Nothing may serve from a source meanwhile; a target must be upgraded and empty.
        Each is copied in one transaction. Owners are those that `database status`
        shows. Read models need not be copied, but then have to be rebuilt.

        \b
        Example, and so on for each owner:
          flask --app app database copy --from OWNER=sqlite:///var/OWNER.db
        """  # noqa: D301 - click takes \b as a character
        pairs = [_pair(each, schemas) for each in sources]
        files = ServedFiles()
        try:
            files.claim((each.database for each, _ in pairs), several=False)
            for source, target in pairs:
                with storage_faults_reported():
                    _copy(source, target)
        except (DatabaseInUseError, CannotCopyError) as error:
            raise click.ClickException(str(error)) from error
        finally:
            files.release()
            for source, _ in pairs:
                source.database.close()

    return group


def _pair(given: str, schemas: Sequence[Schema]) -> tuple[Schema, Schema]:
    """The source given as OWNER=URL, and its target."""
    owner, _, url = given.partition("=")
    for target in schemas:
        if target.owner == owner:
            try:
                source = Database(database_url(url))
            except ValueError as error:
                raise click.UsageError(f"--from {owner}: expected {error}") from error
            if not source.exists:
                raise click.UsageError(f"--from {owner}: there is no {source.shown}")
            return attrs.evolve(target, database=source), target
    owners = ", ".join(schema.owner for schema in schemas)
    raise click.UsageError(f"--from {given}: expected OWNER=URL, OWNER one of {owners}")


def _copy(source: Schema, target: Schema) -> None:
    with ProgressBar(Console(stderr=True), f"Copying {source.owner}", 0) as bar:
        copied = copy(
            source,
            target,
            lambda table, rows: bar.show(rows, f"{rows:,} {table}"),
        )
    summary = ", ".join(f"{rows:,} {table}" for table, rows in copied.items() if rows)
    click.echo(f"{source.owner}: {summary or 'nothing to copy'}")


def _look(schema: Schema) -> Found:
    try:
        state = schema.state()
    except StorageUnavailableError as error:
        click.echo(str(error), err=True)
        return _found(schema, None, "unreachable")
    return _found(schema, state.revision, _state_name(state))


def _found(schema: Schema, revision: str | None, state: str) -> Found:
    return Found(
        owner=schema.owner,
        url=schema.database.shown,
        revision=revision,
        needed=schema.head,
        state=state,
    )


def _state_name(state: SchemaState) -> str:
    if state.is_current:
        return "current"
    return "newer" if state.is_newer else "older"
