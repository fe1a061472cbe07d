"""Inventory at the command line.

Imported only there: a server starts sooner without it.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

import click

from inventory.adapters.cli_stock import add_stock_files
from inventory.adapters.dry_runs import run_or_try, takes_a_dry_run
from inventory.adapters.export_stock import exported_stock
from inventory.adapters.line_names import EqualLines
from inventory.adapters.order_files import identity_of
from inventory.adapters.presets.shopify_orders import ShopifyOrders
from inventory.adapters.presets.woocommerce_orders import WooCommerceOrders
from inventory.adapters.replay_orders import ReplayOrders
from inventory.adapters.services import InventoryServices
from shared_kernel.files.arguments import FileArguments, takes_a_row_file
from shared_kernel.files.export import export, takes_an_output
from shared_kernel.files.presets import Preset
from shared_kernel.files.standard_input import as_a_file
from shared_kernel.runtime.workers import Workers

_ORDERS: dict[str, Callable[[], Preset | None]] = {
    "shopify-orders": ShopifyOrders,
    "woocommerce-orders": WooCommerceOrders,
}


def inventory_cli(services: InventoryServices, workers: Workers) -> click.Group:
    """`workers` deliver what a command wrote, unless another process does."""
    group = click.Group("inventory", help="How many we have, and for whom.")

    @group.command("replay-orders", no_args_is_help=True)
    @takes_a_row_file
    @click.option(
        "--preset",
        type=click.Choice(list(_ORDERS)),
        help="FILE is the order export of this software.",
    )
    @takes_a_dry_run
    @click.pass_context
    def replay_orders(
        context: click.Context,
        /,
        file: FileArguments,
        preset: str | None,
        dry_run: bool,
    ) -> None:
        """Reserve and ship the order lines in FILE, in their order.

        FILE is CSV with the columns order, sku, quantity and, if wanted, line,
        ordered_on and shipped_on; or NDJSON with the same fields, a line for each. It
        may be packed (.gz), or - for the standard input.

        It may be interrupted and run again, sorted in another way, too: a line that has
        shipped is skipped. Its name says which line it is: the column line, or else
        what the line says. What equals a line of another file is refused, since it may
        be one more: give it a name in the column line, such as its number in the order.

        With --preset, FILE is what a shop of this software exports. Lines that are
        cancelled or have not left yet are left out, and named once.

        Rows that are refused stand in FILE.refused.csv, each with its reason and its
        name; correct them there and replay that file.

        \b
        Exit codes: 0, or 1 if rows were refused, 2 if FILE cannot be used,
        130 if it was interrupted.

        With --dry-run it says of each row what would come of it, and keeps nothing.

        \b
        Example:
          flask --app app inventory replay-orders samples/superstore/order_lines.csv
        """  # noqa: D301 - click takes \b as a character
        orders = _ORDERS.get(preset or "", lambda: None)
        with (
            contextlib.closing(EqualLines()) as equal,
            as_a_file(file, dry=dry_run) as file,
        ):
            digest = identity_of(file, orders())

            def replay(services: InventoryServices) -> ReplayOrders:
                return ReplayOrders(services, file.path.name, digest, equal)

            code = run_or_try(
                replay,
                services,
                workers,
                file,
                dry=dry_run,
                preset=orders(),
                named=ReplayOrders.named,
            )
        context.exit(code)

    add_stock_files(group, services, workers)

    @group.command("export")
    @takes_an_output
    def export_stock(output: Path | None, form: str | None) -> None:
        """Write the stock of all items, as import-counts reads it.

        The columns are sku, on_hand and reorder_point, in the order of the SKUs, as of
        one moment. Reservations belong to orders, and are not exported. A server may
        run meanwhile.

        \b
        Example:
          flask --app app inventory export -o stock.csv
        """  # noqa: D301 - click takes \b as a character
        export(exported_stock(services.database), output, form)

    return group
