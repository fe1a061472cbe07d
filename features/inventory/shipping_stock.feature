Feature: Shipping stock
  What was reserved for an order leaves the shelf.

  Background:
    Given the stock item "LAMP-0001" has 5 pieces on hand

  Rule: Shipped pieces are neither on hand nor reserved any more

    Example: An order ships
      Given order "A" has reserved 2 pieces of stock item "LAMP-0001"
      When order "A" ships from stock item "LAMP-0001"
      Then the stock item "LAMP-0001" has 3 pieces on hand
      And the stock item "LAMP-0001" has 0 pieces reserved
      And the stock item "LAMP-0001" has 3 pieces available

  Rule: Only what is reserved can ship

    Example: An order that never reserved
      When order "A" ships from stock item "LAMP-0001"
      Then that is refused because order "A" holds nothing
      And the stock item "LAMP-0001" has 5 pieces on hand

  Rule: An order ships once

    Example: The warehouse reports it twice
      Given order "A" has shipped 2 pieces of stock item "LAMP-0001"
      When order "A" ships from stock item "LAMP-0001"
      Then nothing is recorded of stock item "LAMP-0001"
      And the stock item "LAMP-0001" has 3 pieces on hand

  Rule: One order may ship several stock items

    Example: A lamp and a chair
      Given the stock item "CHAIR-0001" has 4 pieces on hand
      And order "A" has reserved 2 pieces of stock item "LAMP-0001"
      And order "A" has reserved 1 piece of stock item "CHAIR-0001"
      When order "A" ships from stock item "LAMP-0001"
      Then the stock item "LAMP-0001" has 3 pieces on hand
      And order "A" holds 1 piece of stock item "CHAIR-0001"
