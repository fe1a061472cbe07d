"""Inventory over HTTP. Rules: `features/inventory`; form: RFC 9110 and RFC 9457."""

from inventory.adapters.http_commands import add_shelf, add_truth
from inventory.adapters.http_open_holds import add_open_holds
from inventory.adapters.http_quantities import add_quantities
from inventory.adapters.http_reads import add_levels, add_movements
from inventory.adapters.http_refusals import INVENTORY_REFUSALS
from inventory.adapters.http_reservations import add_ending, add_holding
from inventory.adapters.services import InventoryServices
from inventory.domain.value_objects import LONGEST_ORDER_REFERENCE
from shared_kernel.domain import foreign_names
from shared_kernel.domain.sku import SKU_SCHEMA
from shared_kernel.web.routes import Api


def inventory_api(services: InventoryServices) -> Api:
    api = Api(
        "inventory",
        {
            "sku": SKU_SCHEMA,
            "order": foreign_names.schema(LONGEST_ORDER_REFERENCE, "ORDER-1"),
        },
        INVENTORY_REFUSALS,
        about="How many pieces there are, and for which orders they are held.",
    )
    add_quantities(api, services)
    add_levels(api, services)
    add_movements(api, services)
    add_shelf(api, services)
    add_truth(api, services)
    add_holding(api, services)
    add_open_holds(api, services)
    add_ending(api, services)
    return api
