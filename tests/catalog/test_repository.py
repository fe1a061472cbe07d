from collections.abc import Iterator

import attrs
import pytest

from catalog.adapters.repository import SqlProductRepository
from catalog.domain.errors import UnknownProduct
from catalog.domain.product import Product
from catalog.domain.value_objects import Price, ProductName
from shared_kernel.domain.sku import Sku
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import ConcurrentUpdateError
from tests.catalog.builders import LAMP, a_product
from tests.databases import Databases


@pytest.fixture
def database(databases: Databases) -> Iterator[Database]:
    database = Database(databases.url("catalog"), synchronous="NORMAL")
    yield database
    database.close()


def save(database: Database, *products: Product) -> None:
    with database.writing() as connection:
        repository = SqlProductRepository(connection)
        for product in products:
            repository.add(product)
        repository.changed()
        repository.flush()


def load(database: Database, sku: Sku = LAMP) -> Product:
    with database.reading() as connection:
        return SqlProductRepository(connection).get(sku)


@pytest.mark.parametrize(
    "product",
    [
        a_product(),
        a_product(description="Brass,\nand é.", price=Price(0, "JPY")),
        a_product(discontinued=True),
    ],
)
def test_every_field_is_read_as_it_was_saved(
    database: Database, product: Product
) -> None:
    save(database, product)

    assert attrs.asdict(load(database)) == attrs.asdict(product)


def test_a_change_is_saved_with_its_version(database: Database) -> None:
    save(database, a_product())

    with database.writing() as connection:
        repository = SqlProductRepository(connection)
        repository.get(LAMP).rename(ProductName("Reading lamp"))
        repository.changed()
        repository.flush()

    assert (load(database).name.text, load(database).version) == ("Reading lamp", 2)


def test_two_commands_in_one_transaction_see_the_same_product(
    database: Database,
) -> None:
    with database.writing() as connection:
        repository = SqlProductRepository(connection)
        repository.add(a_product())

        assert repository.get(LAMP) is repository.get(LAMP)


def test_an_unknown_product_is_refused_by_name(database: Database) -> None:
    with pytest.raises(UnknownProduct, match="LAMP-0001"):
        load(database)


def test_of_two_changes_to_the_same_version_the_second_is_refused(
    database: Database,
) -> None:
    save(database, a_product())

    def change_twice() -> None:
        with database.writing() as connection:
            first, second = (SqlProductRepository(connection) for _ in range(2))
            first.get(LAMP).rename(ProductName("Reading lamp"))
            second.get(LAMP).rename(ProductName("Night lamp"))
            first.changed()
            first.flush()
            second.changed()
            second.flush()

    with pytest.raises(ConcurrentUpdateError):
        change_twice()

    assert load(database).name == a_product().name


def test_of_two_registrations_of_one_sku_the_second_is_refused(
    database: Database,
) -> None:
    save(database, a_product())

    with pytest.raises(ConcurrentUpdateError):
        save(database, a_product())


def test_of_two_registrations_that_differ_only_in_case_the_second_is_refused(
    database: Database,
) -> None:
    save(database, a_product())

    with pytest.raises(ConcurrentUpdateError):
        save(database, a_product(Sku("lamp-0001")))


def test_a_product_is_found_by_its_sku_in_any_case(database: Database) -> None:
    save(database, a_product(Sku("ÄPFEL-1")))

    with database.reading() as connection:
        repository = SqlProductRepository(connection)
        repository.add(a_product(Sku("Straße")))
        found = [
            repository.find_same(Sku(code))
            for code in ("äpfel-1", "STRASSE", "ÄPFEL-1", "apfel-1")
        ]
        with pytest.raises(UnknownProduct, match="but there is ÄPFEL-1"):
            repository.get(Sku("äＰFEL-1"))

    assert [each and each.sku.code for each in found] == [
        "ÄPFEL-1",
        "Straße",
        "ÄPFEL-1",
        None,
    ]


def test_prefetched_products_need_no_further_statement(
    database: Database,
) -> None:
    skus = [Sku(f"LAMP-{number}") for number in range(1200)]
    save(database, *[a_product(sku) for sku in skus[:600]])

    with database.reading() as connection:
        repository = SqlProductRepository(connection)
        repository.prefetch(skus)
        with database.writing() as other:
            other.exec_driver_sql("DELETE FROM products")

        assert [repository.find(sku) is not None for sku in skus] == (
            [True] * 600 + [False] * 600
        )
        assert [repository.find_same(Sku(sku.code.lower())) for sku in skus] == [
            repository.find(sku) for sku in skus
        ]
