"""One function for each command; each returns the version of the parcel after it."""

from shipping.application.commands import OpenParcel
from shipping.application.unit_of_work import ShippingUnitOfWork
from shipping.domain.parcel import Parcel


def open_parcel(command: OpenParcel, work: ShippingUnitOfWork) -> int:
    """Raises ProductNotSold and ParcelAlreadyOpened."""
    with work:
        parcel = work.parcels.find(command.reference)
        if parcel is None:
            product = work.products.get(command.sku)
            parcel = Parcel.open(command.reference, product)
            work.parcels.add(parcel)
        else:
            parcel.open_again(command.sku)
        work.commit()
        return parcel.version
