Feature: The life of a product
  From its registration until it is sold out, gone and back, as a shopper sees it.

  Example: A lamp is sold out, discontinued and comes back
    Given the product "LAMP-0001" is registered as "Desk lamp" with 2 pieces
    And order "A" has shipped 2 pieces of stock item "LAMP-0001"
    And the product "LAMP-0001" is shown as out of stock
    And the product "LAMP-0001" has been discontinued
    When the product "LAMP-0001" is relisted
    And 4 pieces of stock item "LAMP-0001" are received
    Then the product "LAMP-0001" is shown as in stock
