"""The catalog's own settings, apart from its databases and its address."""

import attrs

from shared_kernel.runtime.setting import between, setting, text


@attrs.frozen(kw_only=True, slots=False)
class CatalogSettings:
    """`docs/running.md` explains each."""

    new_products_list: str = setting("NEW_PRODUCTS_LIST", "new-products", text)
    import_max_mib: int = setting("IMPORT_MAX_MIB", 100, between(1, 100_000))
    imports_at_once: int = setting("IMPORTS_AT_ONCE", 4, between(1, 1000))
    import_days: int = setting("IMPORT_DAYS", 30, between(1, 36_500))
