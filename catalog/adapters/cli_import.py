"""`catalog import`: registers the products of a file."""

import contextlib

import attrs
import click

from catalog.adapters.dry_run import DryRun, EarlierRows
from catalog.adapters.import_products import ImportProducts
from catalog.adapters.imports.cli_imports import import_in_background
from catalog.adapters.presets.shopify import ShopifyProducts
from catalog.adapters.presets.woocommerce import WooCommerceProducts
from catalog.adapters.product_rows import COLUMNS, Prices
from catalog.adapters.services import CommandServices
from catalog.domain.currencies import CURRENCIES
from shared_kernel.files.arguments import FileArguments, takes_a_row_file
from shared_kernel.files.presets import Preset, opened
from shared_kernel.files.run import run
from shared_kernel.runtime.workers import Workers


@attrs.frozen(kw_only=True)
class _Asked:
    """The options of `catalog import`, without those of every row file."""

    currency: str | None
    decimal_mark: str | None
    preset: str | None
    sku_from: str | None
    update: bool
    dry_run: bool
    background: bool

    @property
    def prices(self) -> Prices:
        mark = self.decimal_mark
        if mark is None and self.preset == "shopify":
            mark = "."
        return Prices(currency=self.currency, decimal_mark=mark)

    @property
    def reads(self) -> Preset | None:
        """Raises click.UsageError."""
        if self.sku_from is not None and self.preset != "shopify":
            raise click.UsageError("--sku-from handle goes with --preset shopify")
        if self.preset is None:
            return None
        if self.currency is None:
            raise click.UsageError(
                f"--preset {self.preset} needs the currency of the prices, which the "
                "file does not say: --currency EUR"
            )
        if self.preset == "woocommerce":
            return WooCommerceProducts(currency=self.currency)
        return ShopifyProducts(
            currency=self.currency, sku_from_handle=self.sku_from is not None
        )


def add_import(group: click.Group, services: CommandServices, workers: Workers) -> None:
    """`workers` deliver what the command wrote, unless another process does."""

    @group.command("import", no_args_is_help=True)
    @takes_a_row_file
    @click.option(
        "--currency",
        metavar="CODE",
        callback=_known_currency,
        help="The currency of prices that name none, such as EUR.",
    )
    @click.option(
        "--decimal-mark",
        type=click.Choice([".", ","]),
        help="What separates decimals  [default: 1,234 is refused]",
    )
    @click.option(
        "--preset",
        type=click.Choice(["shopify", "woocommerce"]),
        help="FILE is the product export of this software.",
    )
    @click.option(
        "--sku-from",
        type=click.Choice(["handle"]),
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
        help="Store the rows and let workers register them; Ctrl-C only ends watching.",
    )
    @click.pass_context
    def import_products(
        context: click.Context,
        /,
        file: FileArguments,
        **options: object,
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
        asked = _Asked(**options)  # type: ignore[arg-type] # as declared above
        preset = asked.reads
        if asked.background:
            _refuse_in_background(asked)
            rows = opened(file.path, COLUMNS, file.reading, preset)
            code = import_in_background(services.imports, rows, file.refused_to())
            context.exit(code)
        if asked.dry_run:
            with contextlib.closing(EarlierRows()) as earlier:
                rehearsal = DryRun(services, earlier, asked.prices, asked.update)
                code = run(rehearsal, workers, file, dry=True, preset=preset)
            context.exit(code)
        work = ImportProducts(services, asked.prices, asked.update)
        context.exit(run(work, workers, file, preset=preset))


def _refuse_in_background(asked: _Asked) -> None:
    for option, given in (
        ("--update", asked.update),
        ("--dry-run", asked.dry_run),
        ("--currency", asked.currency and not asked.preset),
        ("--decimal-mark", asked.decimal_mark),
    ):
        if given:
            raise click.UsageError(
                f"{option} does not go with --background: workers register what the "
                "rows say, and nothing else; leave --background out"
            )


def _known_currency(
    _: click.Context, parameter: click.Parameter, code: str | None
) -> str | None:
    if code is None or code in CURRENCIES:
        return code
    right = code.upper() if code.upper() in CURRENCIES else "EUR"
    raise click.BadParameter(
        f"{code!r} is no ISO 4217 code in use, such as {right}", param=parameter
    )
