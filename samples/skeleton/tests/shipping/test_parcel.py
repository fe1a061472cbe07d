"""The rules of the aggregate, without adapters."""

import pytest

from shared_kernel.domain.errors import InvalidValue
from shared_kernel.domain.sku import Sku
from shipping import published
from shipping.adapters.publisher import publish
from shipping.domain.errors import ParcelAlreadyOpened, ProductNotSold
from shipping.domain.events import ParcelOpened
from shipping.domain.parcel import Parcel
from shipping.domain.value_objects import ParcelReference, Product

FIRST = ParcelReference("PARCEL-1")
LAMP = Product(sku=Sku("LAMP-0001"), name="Desk lamp", sold=True)


def test_opening_is_recorded() -> None:
    parcel = Parcel.open(FIRST, LAMP)

    assert parcel.collect() == [(1, ParcelOpened(reference=FIRST, sku=LAMP.sku))]


def test_it_is_not_opened_for_a_product_that_is_not_sold() -> None:
    discontinued = Product(sku=LAMP.sku, name=LAMP.name, sold=False)

    with pytest.raises(ProductNotSold, match="no product LAMP-0001 is sold"):
        Parcel.open(FIRST, discontinued)


def test_opening_it_again_changes_nothing() -> None:
    parcel = Parcel.open(FIRST, LAMP)

    parcel.open_again(LAMP.sku)

    assert parcel.version == 1


def test_it_is_not_opened_for_another_product() -> None:
    parcel = Parcel.open(FIRST, LAMP)

    with pytest.raises(ParcelAlreadyOpened, match="already opened for LAMP-0001"):
        parcel.open_again(Sku("DESK-0001"))


@pytest.mark.parametrize("code", ["", "a b", "x" * 81, "a/b"])
def test_a_reference_needs_characters_of_a_path(code: str) -> None:
    with pytest.raises(InvalidValue, match="reference"):
        ParcelReference(code)


def test_the_published_event_has_the_full_state() -> None:
    parcel = Parcel.open(FIRST, LAMP)
    ((version, event),) = parcel.collect()

    assert publish(event, version, parcel) == (
        "parcel.opened",
        published.ParcelOpened(
            reference="PARCEL-1", sku="LAMP-0001", name="Desk lamp", version=1
        ),
    )
