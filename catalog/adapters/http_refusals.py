"""The catalog's refusals as problems."""

from catalog.domain.errors import (
    ProductIsDiscontinued,
    SkuAlreadyRegistered,
    UnknownProduct,
)
from shared_kernel.domain.errors import DomainError
from shared_kernel.domain.sku import Sku
from shared_kernel.web.parameters import sku_in_path
from shared_kernel.web.problems import UNKNOWN_SKU, ProblemKind, kind

SKU_ALREADY_REGISTERED = kind(
    "sku-already-registered",
    409,
    "The SKU is taken",
    "A product is registered once. `as_given` tells whether SKU, name, description and "
    "price are the same. `stock_count` is not compared: it opens the stock, once, and "
    "after that pieces are received and counted.",
)
PRODUCT_IS_DISCONTINUED = kind(
    "product-is-discontinued",
    409,
    "The product is discontinued",
    "A discontinued product can only be relisted.",
)
UNKNOWN_IMPORT = kind(
    "unknown-import",
    404,
    "The import is not known",
    "It is deleted some time after its end, or there never was one with this id.",
)
IMPORT_HAS_ENDED = kind(
    "import-has-ended",
    409,
    "The import has ended",
    "All of its rows were handled before it could be cancelled.",
)
NO_DRY_RUN = kind(
    "no-dry-run",
    409,
    "The import is no dry run",
    "What becomes of each row is kept for dry runs alone (`dry_run=true`); `refusals` "
    "are kept for all imports, and what was done stands in the log.",
)
UNUSABLE_FILE = kind(
    "unusable-file",
    422,
    "The file cannot be read",
    "`detail` says where, and what would be right. Nothing of it was registered.",
)

CATALOG_REFUSALS: dict[type[DomainError], ProblemKind] = {
    UnknownProduct: UNKNOWN_SKU,
    SkuAlreadyRegistered: SKU_ALREADY_REGISTERED,
    ProductIsDiscontinued: PRODUCT_IS_DISCONTINUED,
}


def known_sku(sku: str) -> Sku:
    """Text that is not a valid SKU belongs to no product. Raises UnknownProduct."""
    return sku_in_path(sku, UnknownProduct)
