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

  Rule: An order may ship in parts, and what has not shipped stays held

    Example: One of three pieces is ready
      Given order "A" has reserved 3 pieces of stock item "LAMP-0001"
      When order "A" ships 1 piece from stock item "LAMP-0001"
      Then the stock item "LAMP-0001" has 4 pieces on hand
      And order "A" holds 2 pieces of stock item "LAMP-0001"
      And the stock item "LAMP-0001" has 2 pieces available

    Example: The rest follows
      Given order "A" has reserved 3 pieces of stock item "LAMP-0001"
      And order "A" has shipped 1 of them from stock item "LAMP-0001"
      When order "A" ships from stock item "LAMP-0001"
      Then the stock item "LAMP-0001" has 2 pieces on hand
      And order "A" has shipped 3 and returned 0 of "LAMP-0001"

    Example: More than is held
      Given order "A" has reserved 3 pieces of stock item "LAMP-0001"
      When order "A" ships 4 pieces from stock item "LAMP-0001"
      Then that is refused because order "A" holds only 3 pieces
      And the stock item "LAMP-0001" has 5 pieces on hand

    Example: The rest ran out of time and is reserved again
      Given order "A" has reserved 3 pieces of stock item "LAMP-0001"
      And order "A" has shipped 1 of them from stock item "LAMP-0001"
      And 15 minutes have passed
      When order "A" reserves 2 pieces of stock item "LAMP-0001"
      Then order "A" holds 2 pieces of stock item "LAMP-0001"

  Rule: An order ships once

    Example: The warehouse reports it twice
      Given order "A" has shipped 2 pieces of stock item "LAMP-0001"
      When order "A" ships from stock item "LAMP-0001"
      Then nothing is recorded of stock item "LAMP-0001"
      And the stock item "LAMP-0001" has 3 pieces on hand

    Example: The warehouse reports a number of pieces that have gone already
      Given order "A" has shipped 2 pieces of stock item "LAMP-0001"
      When order "A" ships 2 pieces from stock item "LAMP-0001"
      Then that is refused because order "A" has already shipped

  Rule: One order may ship several stock items

    Example: A lamp and a chair
      Given the stock item "CHAIR-0001" has 4 pieces on hand
      And order "A" has reserved 2 pieces of stock item "LAMP-0001"
      And order "A" has reserved 1 piece of stock item "CHAIR-0001"
      When order "A" ships from stock item "LAMP-0001"
      Then the stock item "LAMP-0001" has 3 pieces on hand
      And order "A" holds 1 piece of stock item "CHAIR-0001"
