@slow
Feature: A real shop
  The products of a real shop, and all that was ever ordered of them.

  Example: Everything that was there is sold
    When the products of the superstore are imported
    Then 1862 products are registered and 32 rows are refused
    And each refusal names the product that has the SKU
    When the order lines of the superstore are replayed
    Then 9994 order lines are shipped and 0 rows are refused
    And all 1862 products of the superstore are out of stock
    And no piece of them is on hand or reserved
