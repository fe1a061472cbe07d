Feature: Correcting stock
  Somebody breaks a lamp, or finds one behind the shelf. Nobody has counted, but the book
  is known to be wrong by so many pieces.

  Background:
    Given the stock item "LAMP-0001" has 9 pieces on hand

  Rule: A correction books a difference, and says why

    Example: Two pieces are broken
      When 2 pieces of stock item "LAMP-0001" are booked as broken
      Then the stock item "LAMP-0001" has 7 pieces on hand
      And movement 2 of stock item "LAMP-0001" tells a difference of -2
      And movement 2 of stock item "LAMP-0001" gives the reason "broken"
      And the stock item "LAMP-0001" was never counted

    Example: One piece turns up
      When 1 piece of stock item "LAMP-0001" is booked as found
      Then the stock item "LAMP-0001" has 10 pieces on hand

    Example: The last pieces are lost
      When 9 pieces of stock item "LAMP-0001" are booked as lost
      Then the stock item "LAMP-0001" is announced as depleted

  Rule: No more can be missing than is on hand

    Example: More are said to be lost
      When 10 pieces of stock item "LAMP-0001" are booked as lost
      Then that is refused because only 9 pieces are on hand
      And the stock item "LAMP-0001" has 9 pieces on hand

  Rule: A correction that takes reserved pieces releases the newest reservations

    Example: The order that came first keeps its pieces
      Given order "A" has reserved 4 pieces of stock item "LAMP-0001"
      And order "B" has reserved 4 pieces of stock item "LAMP-0001"
      When 2 pieces of stock item "LAMP-0001" are booked as broken
      Then the correction released the orders "B"
      And order "A" holds 4 pieces of stock item "LAMP-0001"
      And the stock item "LAMP-0001" has 3 pieces available
