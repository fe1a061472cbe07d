"""The SKU in a path of a request, once its product has arrived from the catalog."""

from inventory.adapters.http_refusals import known_sku
from inventory.adapters.services import InventoryServices
from shared_kernel.domain.sku import Sku
from shared_kernel.web.reading import wait_until_visible


def known_by_now(services: InventoryServices, sku: str) -> Sku:
    """Wait until the product that the token refers to has arrived from the catalog."""
    wait_until_visible(services.stock, services.consistency_timeout_ms)
    return known_sku(sku)
