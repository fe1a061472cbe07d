"""Counts and receipts of a file, at the command line."""

import contextlib

import click

from inventory.adapters.dry_runs import run_or_try, takes_a_dry_run
from inventory.adapters.file_rows import identity_of
from inventory.adapters.import_stock import CountedSoFar, ImportCounts, ImportReceipts
from inventory.adapters.presets.shopify_inventory import ShopifyInventory
from inventory.adapters.services import InventoryServices
from inventory.domain.value_objects import CountedBy, Reason
from shared_kernel.domain.errors import InvalidValue
from shared_kernel.files.arguments import FileArguments, takes_a_row_file
from shared_kernel.files.run import CommandFailed
from shared_kernel.files.standard_input import as_a_file
from shared_kernel.runtime.workers import Workers


def add_stock_files(
    group: click.Group, services: InventoryServices, workers: Workers
) -> None:
    """Add `import-counts` and `import-receipts`."""
    _add_counts(group, services, workers)
    _add_receipts(group, services, workers)


def _add_counts(
    group: click.Group, services: InventoryServices, workers: Workers
) -> None:
    @group.command("import-counts", no_args_is_help=True)
    @takes_a_row_file
    @click.option(
        "--reason",
        metavar="TEXT",
        required=True,
        help="Why it was counted; each movement says it.",
    )
    @click.option("--counted-by", metavar="NAME", help="Who counted.")
    @click.option(
        "--preset",
        type=click.Choice(["shopify"]),
        help="FILE is the inventory file of this software.",
    )
    @takes_a_dry_run
    @click.pass_context
    def import_counts(
        context: click.Context,
        /,
        file: FileArguments,
        reason: str,
        counted_by: str | None,
        preset: str | None,
        dry_run: bool,
    ) -> None:
        """Set the pieces on hand to those counted in FILE, a stocktake for each row.

        FILE is CSV with the columns sku, on_hand (or count) and, if wanted,
        reorder_point; or NDJSON with the same fields, a line for each. A SKU is counted
        once in a file. What inventory export writes can be read. FILE may be packed
        (.gz), or - for the standard input.

        The same file again changes nothing, whatever moved meanwhile: so it may be
        interrupted and run again. A file that was changed is another one, and all of it
        is counted: mend the rows in FILE.refused.csv, and run that. With --dry-run it
        says of each row what would come of it, and keeps nothing.

        \b
        Exit codes: 0, or 1 if rows were refused, 2 if FILE cannot be used,
        130 if it was interrupted.

        \b
        Example:
          flask --app app inventory import-counts counts.csv --reason "Stocktake 2026"
        """  # noqa: D301 - click takes \b as a character
        why, who = _named(reason, counted_by)
        with (
            contextlib.closing(CountedSoFar()) as so_far,
            as_a_file(file, dry=dry_run) as file,
        ):
            identity = _identity(file, "counts")

            def counts(services: InventoryServices) -> ImportCounts:
                return ImportCounts(services, identity, why, who, so_far)

            foreign = ShopifyInventory() if preset else None
            code = run_or_try(
                counts, services, workers, file, dry=dry_run, preset=foreign
            )
        context.exit(code)


def _add_receipts(
    group: click.Group, services: InventoryServices, workers: Workers
) -> None:
    @group.command("import-receipts", no_args_is_help=True)
    @takes_a_row_file
    @takes_a_dry_run
    @click.pass_context
    def import_receipts(
        context: click.Context, /, file: FileArguments, dry_run: bool
    ) -> None:
        """Book the goods that came in, a receipt for each row of FILE.

        FILE is CSV with the columns sku, quantity and, if wanted, reference, which
        names the delivery (its note's number); or NDJSON with the same fields. It may
        be packed (.gz), or - for the standard input.

        The same file again changes nothing. A delivery that was received already, by
        another file or otherwise, is skipped by its reference if the quantity is the
        same, and refused if it is not. Without references a file that was changed is
        another one: mend the rows in FILE.refused.csv, and run that. With --dry-run it
        says of each row what would come of it, and keeps nothing.

        \b
        Exit codes: 0, or 1 if rows were refused, 2 if FILE cannot be used,
        130 if it was interrupted.

        \b
        Example:
          flask --app app inventory import-receipts delivery.csv
        """  # noqa: D301 - click takes \b as a character
        with as_a_file(file, dry=dry_run) as file:
            identity = _identity(file, "receipts")

            def receipts(services: InventoryServices) -> ImportReceipts:
                return ImportReceipts(services, identity)

            code = run_or_try(receipts, services, workers, file, dry=dry_run)
        context.exit(code)


def _named(reason: str, counted_by: str | None) -> tuple[Reason, CountedBy | None]:
    try:
        return Reason(reason), CountedBy(counted_by) if counted_by else None
    except InvalidValue as error:
        raise click.UsageError(str(error)) from error


def _identity(file: FileArguments, purpose: str) -> str:
    try:
        return identity_of(file.path, purpose)
    except OSError as error:
        raise CommandFailed(f"{file.path}: {error.strerror}") from error
