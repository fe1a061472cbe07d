"""The domain events of a parcel."""

import attrs

from shared_kernel.domain.event import DomainEvent
from shared_kernel.domain.sku import Sku
from shipping.domain.value_objects import ParcelReference


@attrs.frozen(kw_only=True)
class ParcelOpened(DomainEvent):
    reference: ParcelReference
    sku: Sku
