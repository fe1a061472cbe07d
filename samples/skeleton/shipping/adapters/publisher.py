"""Translates domain events to published events; nothing else knows both."""

from shared_kernel.domain.event import DomainEvent
from shipping import published
from shipping.domain import events
from shipping.domain.parcel import Parcel


def publish(
    event: DomainEvent, version: int, parcel: Parcel
) -> tuple[str, published.ParcelOpened]:
    """The subject and payload of `event`, which took `parcel` to `version`."""
    match event:
        case events.ParcelOpened():
            return "parcel.opened", published.ParcelOpened(
                reference=parcel.reference.code,
                sku=parcel.sku.code,
                name=parcel.name,
                version=version,
            )
    raise TypeError(f"{type(event).__name__} has no published counterpart")
