"""`catalog import`: registers the products of a file."""

import contextlib
from typing import Any

import click

from catalog.adapters.dry_run import DryRun
from catalog.adapters.import_products import ImportProducts
from catalog.adapters.imports.cli_imports import import_in_background
from catalog.adapters.imports.import_options import (
    DECIMAL_MARKS,
    PRESETS,
    SKU_SOURCES,
    ImportOptions,
    UnusableOptionError,
)
from catalog.adapters.product_rows import COLUMNS, key_of
from catalog.adapters.services import CommandServices
from shared_kernel.files.arguments import FileArguments, takes_a_row_file
from shared_kernel.files.dry_run import EarlierRows
from shared_kernel.files.errors import UnusableFileError
from shared_kernel.files.presets import opened
from shared_kernel.files.run import CommandFailed, run
from shared_kernel.runtime.workers import Workers


def add_import(group: click.Group, services: CommandServices, workers: Workers) -> None:
    """`workers` deliver what the command wrote, unless another process does."""

    @group.command("import", no_args_is_help=True)
    @takes_a_row_file
    @click.option(
        "--currency",
        metavar="CODE",
        help="The currency of prices that name none, such as EUR.",
    )
    @click.option(
        "--decimal-mark",
        type=click.Choice(DECIMAL_MARKS),
        help="What separates decimals  [default: 1,234 is refused]",
    )
    @click.option(
        "--preset",
        type=click.Choice(PRESETS),
        help="FILE is the product export of this software.",
    )
    @click.option(
        "--sku-from",
        type=click.Choice(SKU_SOURCES),
        help="Shopify: where SKUs come from that are empty.",
    )
    @click.option(
        "--update",
        is_flag=True,
        help="Rename, describe and reprice what is registered differently.",
    )
    @click.option(
        "--dry-run",
        is_flag=True,
        help="Do everything, row by row, and keep nothing.",
    )
    @click.option(
        "--background",
        is_flag=True,
        help="Store the rows and let workers handle them; Ctrl-C only ends watching.",
    )
    @click.pass_context
    def import_products(
        context: click.Context,
        /,
        file: FileArguments,
        background: bool,
        **given: Any,
    ) -> None:
        """Register the products in FILE, and wait until all are listed.

        FILE is CSV with the columns sku, name and, if wanted, price, stock_count,
        description and status (listed or discontinued); or NDJSON, a line for each
        product as POST /products takes it. It may be packed (.gz), or - for standard
        input. Columns of other names are left out, and named once; see --map.

        With --preset, FILE is what a shop of this software exports. Variants become
        products, named by title and option; images, drafts and parents are left out,
        and named once. Descriptions in HTML become text.

        A price is an amount in its currency's notation: 19.99, 1.234,50, JPY 1500. Its
        currency stands in the price, in the column price_currency, or in --currency.
        price_minor_units (cents, say) and price_currency are an exact alternative.

        It may be interrupted and run again: a product that is there unchanged is
        skipped, and one that is there differently is refused, or changed with --update.
        What a row leaves empty is not compared and not changed. Rows that are refused
        stand in FILE.refused.csv, each with its reason; correct them there and import
        that file.

        \b
        Exit codes: 0, or 1 if rows were refused, 2 if FILE cannot be used,
        130 if it was interrupted.

        \b
        Examples:
          flask --app app catalog import samples/superstore/products.csv
          flask --app app catalog import prices.csv --currency EUR --update --dry-run
          flask --app app catalog import export.csv --preset shopify --currency EUR
        """  # noqa: D301 - click takes \b as a character
        options = _options(given)
        if background:
            context.exit(_in_background(services, file, options))
        if options.dry_run:
            with contextlib.closing(EarlierRows(key_of)) as earlier:
                rehearsal = DryRun(services, earlier, options.prices, options.update)
                code = run(rehearsal, workers, file, dry=True, preset=options.reads)
            context.exit(code)
        work = ImportProducts(services, options.prices, options.update)
        context.exit(run(work, workers, file, preset=options.reads))


def _options(given: dict[str, Any]) -> ImportOptions:
    """Raises click.UsageError."""
    try:
        return ImportOptions(**given)
    except UnusableOptionError as error:
        name = error.option.replace("_", "-")
        raise click.UsageError(f"--{name}: {error}") from error


def _in_background(
    services: CommandServices, file: FileArguments, options: ImportOptions
) -> int:
    """The exit code. Raises CommandFailed."""
    try:
        rows = opened(file.path, COLUMNS, file.reading, options.reads)
    except UnusableFileError as error:
        raise CommandFailed(str(error)) from error
    refused = file.refused_to(dry=options.dry_run)
    return import_in_background(services.imports, rows, options, refused)
