@quick
Feature: The life of a product
  From its registration until it is sold out, gone and back, as a shopper sees it.

  Example: A lamp is registered and sold out
    Given the product "LAMP-0001" is registered as "Desk lamp" with 2 pieces
    And the product "LAMP-0001" is shown as in stock
    When order "A" reserves 2 pieces of stock item "LAMP-0001"
    And order "A" ships from stock item "LAMP-0001"
    Then the product "LAMP-0001" is listed as "Desk lamp"
    And the product "LAMP-0001" is shown as out of stock
    And the stock item "LAMP-0001" has 0 pieces on hand

  Example: The sold out lamp is discontinued
    Given the product "LAMP-0001" is registered as "Desk lamp" with 2 pieces
    And order "A" has shipped 2 pieces of stock item "LAMP-0001"
    When the product "LAMP-0001" is discontinued
    And 4 pieces of stock item "LAMP-0001" are received
    Then the stock item "LAMP-0001" has 4 pieces on hand
    And the product "LAMP-0001" is not listed
    And the product "LAMP-0001" is shown as retired

  Example: The discontinued lamp is relisted and delivered again
    Given the product "LAMP-0001" is registered as "Desk lamp" with 2 pieces
    And order "A" has shipped 2 pieces of stock item "LAMP-0001"
    And the product "LAMP-0001" has been discontinued
    When the product "LAMP-0001" is relisted
    And 4 pieces of stock item "LAMP-0001" are received
    Then the product "LAMP-0001" is listed as "Desk lamp"
    And the product "LAMP-0001" is shown as in stock
