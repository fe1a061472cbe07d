"""The catalog at the command line."""

from pathlib import Path

import click

from catalog.adapters.import_products import ImportProducts
from catalog.adapters.services import CatalogServices
from shared_kernel.adapters.bulk.run import run, takes_a_row_file
from shared_kernel.adapters.workers import Workers


def catalog_cli(services: CatalogServices, workers: Workers) -> click.Group:
    """`workers` carry on what a command wrote, unless another process does."""
    group = click.Group("catalog", help="What we sell.")

    @group.command("import", no_args_is_help=True)
    @takes_a_row_file
    @click.pass_context
    def import_products(
        context: click.Context, path: Path, form: str | None, refused: Path | None
    ) -> None:
        r"""Register the products in FILE, and wait until all are listed.

        FILE is CSV with the columns sku, name and, if wanted, price_minor_units,
        price_currency, stock_count and description; or NDJSON, a line for each product
        as POST /products takes it. UTF-8.

        It may be interrupted and run again: a product that is there as given is
        skipped. Rows that are refused stand in FILE.refused.csv, each with its reason;
        mend them there and import that file.

        \b
        Exit codes: 0, or 1 if rows were refused, 2 if FILE cannot be used,
        130 if it was interrupted.

        \b
        Example:
          flask --app app catalog import samples/superstore/products.csv
        """
        work = ImportProducts(services)
        context.exit(run(work, workers, path, form, refused))

    return group
