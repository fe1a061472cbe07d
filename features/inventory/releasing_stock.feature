Feature: Releasing stock
  An order is cancelled, and what was held for it can be sold to others.

  Background:
    Given the stock item "LAMP-0001" has 5 pieces on hand

  Rule: Released pieces are available again

    Example: An order is cancelled
      Given order "A" has reserved 2 pieces of stock item "LAMP-0001"
      When order "A" releases stock item "LAMP-0001"
      Then order "A" holds 0 pieces of stock item "LAMP-0001"
      And the stock item "LAMP-0001" has 5 pieces available

    Example: Other orders keep what they hold
      Given order "A" has reserved 2 pieces of stock item "LAMP-0001"
      And order "B" has reserved 1 piece of stock item "LAMP-0001"
      When order "A" releases stock item "LAMP-0001"
      Then order "B" holds 1 piece of stock item "LAMP-0001"

  Rule: Releasing what is not held records nothing

    Example: An order that never reserved
      When order "A" releases stock item "LAMP-0001"
      Then nothing is recorded of stock item "LAMP-0001"

    Example: An order is cancelled twice
      Given order "A" has reserved 2 pieces of stock item "LAMP-0001"
      And order "A" has released stock item "LAMP-0001"
      When order "A" releases stock item "LAMP-0001"
      Then nothing is recorded of stock item "LAMP-0001"

  Rule: An order that has shipped cannot be released

    Example: The cancellation comes too late
      Given order "A" has shipped 2 pieces of stock item "LAMP-0001"
      When order "A" releases stock item "LAMP-0001"
      Then that is refused because order "A" has already shipped
      And the stock item "LAMP-0001" has 3 pieces on hand
