from collections.abc import Iterator

import pytest

from catalog.application import commands, handlers
from catalog.domain.errors import (
    ProductIsDiscontinued,
    SkuAlreadyRegistered,
    UnknownProduct,
)
from catalog.domain.value_objects import Description, Price, ProductName
from shared_kernel.domain.errors import StaleVersion
from shared_kernel.domain.sku import Sku
from shared_kernel.runtime.running import RunningServices
from tests.catalog.builders import LAMP, a_registration
from tests.databases import Databases
from tests.storehouses import a_storehouse


@pytest.fixture
def storehouse(databases: Databases) -> Iterator[RunningServices]:
    with a_storehouse(databases) as storehouse:
        yield storehouse


def test_each_command_returns_the_new_version_of_the_product(
    storehouse: RunningServices,
) -> None:
    execute = storehouse.context("catalog").writer.execute

    versions = [
        execute(handlers.register_product, a_registration()).result,
        execute(
            handlers.rename_product,
            commands.RenameProduct(sku=LAMP, name=ProductName("Reading lamp")),
        ).result,
        execute(
            handlers.describe_product,
            commands.DescribeProduct(sku=LAMP, description=Description("Brass.")),
        ).result,
        execute(
            handlers.reprice_product,
            commands.RepriceProduct(sku=LAMP, price=Price(1, "EUR")),
        ).result,
        execute(
            handlers.discontinue_product, commands.DiscontinueProduct(sku=LAMP)
        ).result,
        execute(handlers.relist_product, commands.RelistProduct(sku=LAMP)).result,
    ]

    assert versions == [1, 2, 3, 4, 5, 6]
    assert [event.type for event in storehouse.context("catalog").log.read(0, 10)] == [
        "product.inserted",
        "product.renamed",
        "product.described",
        "product.repriced",
        "product.discontinued",
        "product.relisted",
    ]


def test_a_second_registration_is_refused_and_says_whether_it_is_the_same(
    storehouse: RunningServices,
) -> None:
    execute = storehouse.context("catalog").writer.execute
    execute(handlers.register_product, a_registration())

    with pytest.raises(SkuAlreadyRegistered) as same:
        execute(handlers.register_product, a_registration())
    with pytest.raises(SkuAlreadyRegistered) as other:
        execute(handlers.register_product, a_registration(name="Floor lamp"))

    assert (same.value.as_given, other.value.as_given) == (True, False)
    assert other.value.registered_name == "Desk lamp"
    assert storehouse.context("catalog").log.head() == 1


def test_a_sku_that_differs_only_in_case_is_refused_naming_the_registered_one(
    storehouse: RunningServices,
) -> None:
    execute = storehouse.context("catalog").writer.execute
    execute(handlers.register_product, a_registration(Sku("abc-1")))

    with pytest.raises(SkuAlreadyRegistered) as refused:
        execute(handlers.register_product, a_registration(Sku("ABC-1")))

    assert not refused.value.as_given
    assert str(refused.value) == (
        "ABC-1 is the same as abc-1, which is already registered as 'Desk lamp'"
    )


def test_an_unregistered_product_is_unknown(storehouse: RunningServices) -> None:
    with pytest.raises(UnknownProduct):
        storehouse.context("catalog").writer.execute(
            handlers.relist_product, commands.RelistProduct(sku=LAMP)
        )


def test_a_refused_command_changes_nothing(storehouse: RunningServices) -> None:
    execute = storehouse.context("catalog").writer.execute
    execute(handlers.register_product, a_registration())
    execute(handlers.discontinue_product, commands.DiscontinueProduct(sku=LAMP))

    with pytest.raises(ProductIsDiscontinued):
        execute(
            handlers.rename_product,
            commands.RenameProduct(sku=LAMP, name=ProductName("Reading lamp")),
        )
    with pytest.raises(StaleVersion):
        execute(
            handlers.relist_product,
            commands.RelistProduct(sku=LAMP, expected_version=1),
        )

    assert storehouse.context("catalog").log.head() == 2
