Feature: Returning stock
  A customer sends pieces back, and they go on the shelf again.

  Background:
    Given the stock item "LAMP-0001" has 5 pieces on hand

  Rule: Returned pieces are on hand and available again

    Example: One of two pieces comes back
      Given order "A" has shipped 2 pieces of stock item "LAMP-0001"
      When order "A" returns 1 piece of stock item "LAMP-0001"
      Then the stock item "LAMP-0001" has 4 pieces on hand
      And the stock item "LAMP-0001" has 4 pieces available
      And order "A" has shipped 2 and returned 1 of "LAMP-0001"

    Example: The last piece had gone
      Given order "A" has shipped 5 pieces of stock item "LAMP-0001"
      When order "A" returns 1 piece of stock item "LAMP-0001"
      Then the stock item "LAMP-0001" is announced as replenished

  Rule: An order never returns more than it has shipped

    Example: It sends back more
      Given order "A" has shipped 2 pieces of stock item "LAMP-0001"
      When order "A" returns 3 pieces of stock item "LAMP-0001"
      Then that is refused because order "A" can return only 2 pieces
      And the stock item "LAMP-0001" has 3 pieces on hand

    Example: Some came back before
      Given order "A" has shipped 2 pieces of stock item "LAMP-0001"
      And order "A" has returned 1 piece of stock item "LAMP-0001"
      When order "A" returns 2 pieces of stock item "LAMP-0001"
      Then that is refused because order "A" can return only 1 piece

    Example: Nothing was shipped to it
      Given order "A" has reserved 2 pieces of stock item "LAMP-0001"
      When order "A" returns 1 piece of stock item "LAMP-0001"
      Then that is refused because order "A" has shipped nothing

  Rule: An order that returned its pieces has shipped all the same

    Example: It cannot reserve again
      Given order "A" has shipped 2 pieces of stock item "LAMP-0001"
      And order "A" has returned 1 piece of stock item "LAMP-0001"
      When order "A" reserves 1 piece of stock item "LAMP-0001"
      Then that is refused because order "A" has already shipped
