"""The catalog at the command line.

Imported only there: a server starts sooner without it.
"""

from pathlib import Path

import click
from rich.console import Console

from catalog.adapters.cli_import import add_import
from catalog.adapters.export_products import exported_products
from catalog.adapters.imports.cli_imports import add_import_commands
from catalog.adapters.rebuild_listing import AnotherRebuildError, ListingRebuild
from catalog.adapters.services import CommandServices, QueryServices
from shared_kernel.files.export import export, takes_an_output
from shared_kernel.files.graceful_interrupt import EXIT_CODE
from shared_kernel.files.progress import ProgressBar, Rate
from shared_kernel.files.run import CommandFailed
from shared_kernel.runtime.garbage import collected_between_chunks
from shared_kernel.runtime.workers import Workers
from shared_kernel.storage.errors import is_fault


def commands_cli(services: CommandServices, workers: Workers) -> click.Group:
    """`workers` deliver what a command wrote, unless another process does."""
    group = _group()

    add_import(group, services, workers)
    add_import_commands(group, services.imports)

    @group.command("export")
    @takes_an_output
    def export_products(output: Path | None, form: str | None) -> None:
        """Write all products, as import reads them.

        The columns are sku, name, description, price_minor_units, price_currency and
        status, in the order of the SKUs, as of one moment. Stock is inventory's: see
        inventory export. A server may run meanwhile. Cells that a spreadsheet would
        take for formulas are written behind an apostrophe, which import takes away.

        \b
        Example:
          flask --app app catalog export -o products.csv
        """  # noqa: D301 - click takes \b as a character
        export(exported_products(services.log.database), output, form)

    return group


def queries_cli(services: QueryServices, workers: Workers) -> click.Group:
    """`workers` are the background jobs of this process."""
    group = _group()

    @group.command("rebuild-listing")
    @click.option(
        "--with-discarded",
        is_flag=True,
        help="Apply also the events that were discarded.",
    )
    @click.option(
        "--as-published",
        is_flag=True,
        help="Apply events as they were published, also those that were edited.",
    )
    @click.pass_context
    def rebuild_listing(
        context: click.Context, with_discarded: bool, as_published: bool
    ) -> None:
        """Rebuild the product listing from the event logs.

        The old one serves until the new one replaces it in one step, also if a server
        is running meanwhile. It may be interrupted at any point: then the old one
        stays, and the next rebuild starts from nothing.

        Events among the listing's dead letters are left out, and those that were
        discarded; those that were edited are applied as edited. One that fails becomes
        a dead letter: `flask --app app dead-letters list` shows it.

        \b
        Exit codes: 0, or 1 if events failed, 2 if another rebuild is under way,
        130 if it was interrupted.

        \b
        Examples:
          flask --app app catalog rebuild-listing
          flask --app app catalog rebuild-listing --with-discarded
        """  # noqa: D301 - click takes \b as a character
        context.exit(_rebuild(services.rebuild, with_discarded, as_published))

    return group


def _group() -> click.Group:
    return click.Group("catalog", help="What we sell.")


def _rebuild(rebuild: ListingRebuild, with_discarded: bool, as_published: bool) -> int:
    rate = Rate()
    try:
        with (
            ProgressBar(Console(stderr=True), "Product listing", rebuild.total) as bar,
            collected_between_chunks() as collect,
        ):

            def show() -> None:
                collect()
                done = f"{rebuild.passed:,} events, {rate.of(rebuild.passed)}"
                bar.show(rebuild.passed, done)

            rebuild.run(show, with_discarded=with_discarded, as_published=as_published)
    except KeyboardInterrupt:
        click.echo("Interrupted. The old listing serves as before.", err=True)
        return EXIT_CODE
    except AnotherRebuildError as error:
        raise CommandFailed(str(error)) from error
    except Exception as error:
        if not is_fault(error):
            raise
        raise CommandFailed(f"{error}; the old listing serves as before") from error
    click.echo(
        f"Rebuilt from {rebuild.passed:,} events in {rate.seconds:,.1f} s "
        f"({rate.of(rebuild.passed)})"
    )
    if not rebuild.added_dead_letters:
        return 0
    click.echo(f"{rebuild.added_dead_letters:,} of them are dead letters now", err=True)
    return 1
