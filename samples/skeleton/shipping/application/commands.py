"""The commands of shipping."""

import attrs

from shared_kernel.domain.sku import Sku
from shipping.domain.value_objects import ParcelReference


@attrs.frozen(kw_only=True)
class OpenParcel:
    reference: ParcelReference
    sku: Sku
