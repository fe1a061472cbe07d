"""The published language of shipping, version 1: what others may rely on.

A new optional field keeps the version; anything else is a new class.
"""

import attrs


@attrs.frozen(kw_only=True)
class ParcelOpened:
    """A parcel was opened for a product, which had the name `name` at that time."""

    reference: str
    sku: str
    name: str
    version: int


SUBJECTS: dict[str, type[ParcelOpened]] = {"parcel.opened": ParcelOpened}
