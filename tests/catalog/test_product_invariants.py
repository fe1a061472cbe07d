import attrs
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from catalog.domain.errors import ProductIsDiscontinued
from catalog.domain.value_objects import Description, Price, ProductName, Status
from tests.catalog.builders import a_product

names = st.sampled_from(["Desk lamp", "Reading lamp", "Night lamp"]).map(ProductName)
descriptions = st.none() | st.sampled_from(["Brass.", "Silver."]).map(Description)
prices = st.none() | st.integers(0, 3).map(lambda units: Price(units, "EUR"))


class AProductsLife(RuleBasedStateMachine):
    """Any commands to a product, in any order."""

    @initialize()
    def register(self) -> None:
        self.product = a_product()
        self.recorded = 1

    @rule(name=names)
    def rename(self, name: ProductName) -> None:
        self._change(lambda: self.product.rename(name), name != self.product.name)

    @rule(description=descriptions)
    def describe(self, description: Description | None) -> None:
        new = description != self.product.description
        self._change(lambda: self.product.describe(description), new)

    @rule(price=prices)
    def reprice(self, price: Price | None) -> None:
        self._change(lambda: self.product.reprice(price), price != self.product.price)

    @rule()
    def discontinue(self) -> None:
        new = self.product.status is Status.LISTED
        self.product.discontinue()
        self._expect_recorded(new)

    @rule()
    def relist(self) -> None:
        new = self.product.status is Status.DISCONTINUED
        self.product.relist()
        self._expect_recorded(new)

    @invariant()
    def the_version_counts_the_recorded_facts(self) -> None:
        assert self.product.version == self.recorded

    def _change(self, change: object, new: bool) -> None:
        before = attrs.asdict(self.product)
        try:
            change()  # type: ignore[operator]
        except ProductIsDiscontinued:
            assert self.product.status is Status.DISCONTINUED
            assert attrs.asdict(self.product) == before
            self._expect_recorded(False)
        else:
            assert self.product.status is Status.LISTED
            self._expect_recorded(new)

    def _expect_recorded(self, something: bool) -> None:
        collected = self.product.collect()
        assert len(collected) == (1 if something else 0)
        self.recorded += len(collected)


TestAProductsLife = pytest.mark.slow(AProductsLife.TestCase)
