"""The published language of shipping, version 1: what others may rely on.

A new optional field keeps the version; anything else is a new class.
"""

import attrs


@attrs.frozen(kw_only=True)
class ParcelOpened:
    """A parcel was opened for a product.

    reference: the name of the parcel, e.g. "P-1"
    sku: the code of the product in it, e.g. "LAMP-0001"
    name: the name that the product had at that time, e.g. "Desk lamp"
    version: the number of this fact in the parcel's life, from 1 on, e.g. 1
    """

    reference: str
    sku: str
    name: str
    version: int


SUBJECTS: dict[str, type[ParcelOpened]] = {"parcel.opened": ParcelOpened}
