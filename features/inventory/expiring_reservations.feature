Feature: Expiring reservations
  Pieces are held for a time only, so that a forgotten order does not keep them from
  others.

  Background:
    Given the stock item "LAMP-0001" has 5 pieces on hand

  @quick
  Rule: A reservation ends when its time is over

    Example: Its pieces are available again
      Given order "A" has reserved 2 pieces of stock item "LAMP-0001" for 30 minutes
      When 30 minutes pass
      Then order "A" holds 0 pieces of stock item "LAMP-0001"
      And the stock item "LAMP-0001" has 5 pieces available

  Rule: Until its time is over a reservation is kept

    Example: There is a minute left
      Given order "A" has reserved 2 pieces of stock item "LAMP-0001" for 30 minutes
      When 29 minutes pass
      Then order "A" holds 2 pieces of stock item "LAMP-0001"

    Example: Another order was given more time
      Given order "A" has reserved 2 pieces of stock item "LAMP-0001" for 30 minutes
      And order "B" has reserved 2 pieces of stock item "LAMP-0001" for 60 minutes
      When 30 minutes pass
      Then order "A" holds 0 pieces of stock item "LAMP-0001"
      And order "B" holds 2 pieces of stock item "LAMP-0001"

  Rule: Of two ends the later one holds

    Example: An order needs more time
      Given order "A" has reserved 2 pieces of stock item "LAMP-0001" for 30 minutes
      When order "A" reserves 2 pieces of stock item "LAMP-0001" for 60 minutes
      And 30 minutes pass
      Then order "A" holds 2 pieces of stock item "LAMP-0001"

    Example: An order that asks for less time keeps what it has
      Given order "A" has reserved 2 pieces of stock item "LAMP-0001" for 60 minutes
      When order "A" reserves 2 pieces of stock item "LAMP-0001" for 30 minutes
      Then the hold of order "A" on stock item "LAMP-0001" ends in 60 minutes
      And nothing is recorded of stock item "LAMP-0001"

  Rule: An order that does not ask for more time gets none

    Example: An order is sent twice
      Given order "A" has reserved 2 pieces of stock item "LAMP-0001" for 5 minutes
      When order "A" reserves 3 pieces of stock item "LAMP-0001"
      Then the hold of order "A" on stock item "LAMP-0001" ends in 5 minutes

  Rule: An order whose reservation has expired cannot ship, but may reserve again

    Example: The warehouse comes too late
      Given order "A" has reserved 2 pieces of stock item "LAMP-0001" for 30 minutes
      And 30 minutes have passed
      When order "A" ships from stock item "LAMP-0001"
      Then that is refused because order "A" holds nothing

    Example: The customer comes back
      Given order "A" has reserved 2 pieces of stock item "LAMP-0001" for 30 minutes
      And 30 minutes have passed
      When order "A" reserves 2 pieces of stock item "LAMP-0001"
      Then order "A" holds 2 pieces of stock item "LAMP-0001"
