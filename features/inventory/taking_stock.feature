Feature: Taking stock
  Somebody counts what lies on the shelf. What was found is the truth, whatever was
  believed before: a count is never refused for what it finds, and says why it was made.

  Background:
    Given the stock item "LAMP-0001" has 9 pieces on hand

  Rule: A count sets what is on hand

    Example: Pieces are missing
      When 7 pieces of stock item "LAMP-0001" are counted because of "breakage"
      Then the stock item "LAMP-0001" has 7 pieces on hand
      And the stock item "LAMP-0001" has 7 pieces available

    Example: More pieces turn up
      When 12 pieces of stock item "LAMP-0001" are counted because of "found elsewhere"
      Then the stock item "LAMP-0001" has 12 pieces on hand

    Example: Everything is gone
      When 0 pieces of stock item "LAMP-0001" are counted because of "theft"
      Then the stock item "LAMP-0001" has 0 pieces on hand
      And the stock item "LAMP-0001" is announced as depleted

  Rule: Reservations that still fit are kept

    Example: Enough is left for every order
      Given order "A" has reserved 4 pieces of stock item "LAMP-0001"
      When 4 pieces of stock item "LAMP-0001" are counted because of "breakage"
      Then order "A" holds 4 pieces of stock item "LAMP-0001"
      And the stock item "LAMP-0001" has 0 pieces available

  @quick
  Rule: A count below what is reserved releases the newest reservations until it fits

    Example: The order that came first keeps its pieces
      Given order "A" has reserved 3 pieces of stock item "LAMP-0001"
      And order "B" has reserved 3 pieces of stock item "LAMP-0001"
      And order "C" has reserved 3 pieces of stock item "LAMP-0001"
      When 4 pieces of stock item "LAMP-0001" are counted because of "breakage"
      Then the count released the orders "C, B"
      And order "A" holds 3 pieces of stock item "LAMP-0001"
      And the stock item "LAMP-0001" has 1 piece available

  Rule: A count tells how many pieces each order lost

    Example: Two orders lose all that they held
      Given order "A" has reserved 3 pieces of stock item "LAMP-0001"
      And order "B" has reserved 2 pieces of stock item "LAMP-0001"
      When 0 pieces of stock item "LAMP-0001" are counted because of "fire"
      Then the count took 2 pieces from order "B"
      And the count took 3 pieces from order "A"

    Example: Another program learns of it in the words that it knows
      Given order "A" has reserved 3 pieces of stock item "LAMP-0001"
      When 0 pieces of stock item "LAMP-0001" are counted because of "fire"
      Then a program that knows version 1 of a count reads that orders "A" lost all
      And a program that knows version 2 of a count reads that order "A" lost 3 pieces

  Rule: A count is a fact, even if it finds what was known

    Example: The shelf is as expected
      When Ann counts 9 pieces of stock item "LAMP-0001" because of "yearly stocktake"
      Then the stock item "LAMP-0001" was counted last just now
      And movement 2 of stock item "LAMP-0001" tells a difference of 0
      And movement 2 of stock item "LAMP-0001" names Ann who counted
      And movement 2 of stock item "LAMP-0001" gives the reason "yearly stocktake"

    Example: Nobody has counted yet
      Given order "A" has reserved 4 pieces of stock item "LAMP-0001"
      Then the stock item "LAMP-0001" was never counted

  Rule: A count says why it was made

    Example: No reason is given
      When 7 pieces of stock item "LAMP-0001" are counted because of ""
      Then that is refused because a reason has at least 1 character
      And the stock item "LAMP-0001" has 9 pieces on hand
