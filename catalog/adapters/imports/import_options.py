"""What an import is asked to do: the same options at each door."""

import attrs

from catalog.adapters.presets.shopify import ShopifyProducts
from catalog.adapters.presets.woocommerce import WooCommerceProducts
from catalog.adapters.product_rows import Prices
from catalog.domain.currencies import CURRENCIES
from shared_kernel.files.presets import Preset

DECIMAL_MARKS = (".", ",")
PRESETS = ("shopify", "woocommerce")
SKU_SOURCES = ("handle",)


class UnusableOptionError(Exception):
    """`option` is the name of a field; the message says what would be right."""

    def __init__(self, option: str, expected: str) -> None:
        super().__init__(expected)
        self.option = option


@attrs.frozen(kw_only=True)
class ImportOptions:
    """Part of the declaration of an import; each of its rows is handled by them.

    With `update` products that are registered differently become as the file says, and
    with `dry_run` nothing is kept. `currency` is that of prices that name none, as
    `decimal_mark` is of amounts that can be read in two ways. `preset` names the
    software whose export the file is, and `sku_from` where SKUs come from that are
    empty. Raises UnusableOptionError.
    """

    update: bool = False
    dry_run: bool = False
    currency: str | None = None
    decimal_mark: str | None = None
    preset: str | None = None
    sku_from: str | None = None

    def __attrs_post_init__(self) -> None:
        code = self.currency
        if code is not None and code not in CURRENCIES:
            right = code.upper() if code.upper() in CURRENCIES else "EUR"
            raise UnusableOptionError(
                "currency", f"{code!r} is no ISO 4217 code in use, such as {right}"
            )
        if self.preset is not None and code is None:
            raise UnusableOptionError(
                "currency",
                f"expected with the preset {self.preset}, whose files do not say the "
                "currency of their prices, such as EUR",
            )
        if self.sku_from is not None and self.preset != "shopify":
            raise UnusableOptionError(
                "sku_from", f"{self.sku_from} goes with the preset shopify alone"
            )

    @property
    def prices(self) -> Prices:
        mark = self.decimal_mark
        if mark is None and self.preset == "shopify":
            mark = "."
        return Prices(currency=self.currency, decimal_mark=mark)

    @property
    def reads(self) -> Preset | None:
        """How the file is read, if it is one of other software."""
        if self.preset is None or self.currency is None:
            return None
        if self.preset == "woocommerce":
            return WooCommerceProducts(currency=self.currency)
        return ShopifyProducts(
            currency=self.currency, sku_from_handle=self.sku_from is not None
        )


AS_WRITTEN = ImportOptions()
