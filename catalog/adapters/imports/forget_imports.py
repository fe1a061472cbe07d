"""Imports that have ended are deleted after a time."""

from catalog.adapters.imports.product_imports import ProductImports
from shared_kernel.clock import Clock, to_us

HOUR_US = 3_600_000_000


class ForgetImports:
    """Deletes imports that began more than `keep_days` ago, once an hour."""

    name = "catalog.imports"

    def __init__(self, imports: ProductImports, clock: Clock, keep_days: int) -> None:
        self._imports = imports
        self._clock = clock
        self._keep_days = keep_days
        self._next_us = 0

    def step(self) -> int:
        now_us = to_us(self._clock())
        if now_us < self._next_us:
            return 0
        self._next_us = now_us + HOUR_US
        return self._imports.forget(self._keep_days)
