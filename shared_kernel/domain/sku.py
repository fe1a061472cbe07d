"""The SKU, the one identity that all contexts share."""

from functools import lru_cache

import attrs

from shared_kernel.domain import foreign_names

LONGEST_SKU = 64
SKU_IN_WORDS = foreign_names.in_words(LONGEST_SKU)
SKU_SCHEMA = foreign_names.schema(LONGEST_SKU, "LAMP-0001")
"""JSON Schema, as in OpenAPI."""

# A command asks for it several times.
_folded = lru_cache(maxsize=4096)(foreign_names.folded)


@attrs.frozen
class Sku:
    """A stock keeping unit: 1 to 64 visible characters, with single spaces within.

    It is kept as given, case included; `foreign_names` has the rule. Raises
    InvalidValue.
    """

    code: str = attrs.field(converter=foreign_names.normalized)

    @code.validator
    def _is_a_name(self, _: object, code: str) -> None:
        foreign_names.check("sku", code, LONGEST_SKU)

    def __str__(self) -> str:
        return self.code

    @property
    def folded(self) -> str:
        """The same for SKUs that differ only in case or compatibility form."""
        return _folded(self.code)
