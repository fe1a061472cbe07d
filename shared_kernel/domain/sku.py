"""The SKU, the one identity that all contexts share."""

import re

import attrs

from shared_kernel.domain.errors import InvalidValue

SKU_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,63}$"
SKU_IN_WORDS = (
    "1 to 64 letters, digits, '.', '_', '~' or '-', beginning with a letter or a digit"
)
_SKU = re.compile(SKU_PATTERN.removesuffix("$") + r"\Z")


@attrs.frozen
class Sku:
    """A stock keeping unit: 1 to 64 letters, digits and `. _ ~ -`, case-sensitive.

    These characters need no escaping in a URL's path (RFC 3986, §2.3). The first is a
    letter or a digit. Raises InvalidValue.
    """

    code: str = attrs.field()

    @code.validator
    def _is_well_formed(self, _: object, code: str) -> None:
        if not _SKU.match(code):
            raise InvalidValue(field="sku", value=code, expected=SKU_IN_WORDS)

    def __str__(self) -> str:
        return self.code
