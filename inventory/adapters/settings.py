"""Inventory's own settings, apart from its databases and its address."""

import attrs

from shared_kernel.runtime.setting import between, setting


@attrs.frozen(kw_only=True, slots=False)
class InventorySettings:
    """`docs/running.md` explains each."""

    reservation_minutes: int = setting("RESERVATION_MINUTES", 15, between(1, 525_600))
