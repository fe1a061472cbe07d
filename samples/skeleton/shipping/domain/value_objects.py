"""The value objects of shipping, validated on creation."""

import re

import attrs

from shared_kernel.domain.errors import InvalidValue
from shared_kernel.domain.sku import Sku

REFERENCE_PATTERN = r"^[A-Za-z0-9._~-]{1,80}$"
REFERENCE_IN_WORDS = "1 to 80 letters, digits, '.', '_', '~' or '-'"
_REFERENCE = re.compile(REFERENCE_PATTERN.removesuffix("$") + r"\Z")


@attrs.frozen
class ParcelReference:
    """The identity of a parcel, in characters that need no escaping in a URL's path.

    Raises InvalidValue.
    """

    code: str = attrs.field()

    @code.validator
    def _is_well_formed(self, _: object, code: str) -> None:
        if not _REFERENCE.match(code):
            raise InvalidValue(
                field="reference", value=code, expected=REFERENCE_IN_WORDS
            )

    def __str__(self) -> str:
        return self.code


@attrs.frozen(kw_only=True)
class Product:
    """What shipping needs of a product."""

    sku: Sku
    name: str
    sold: bool
